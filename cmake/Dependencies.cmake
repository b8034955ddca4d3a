# SPDX-License-Identifier: BSD-3-Clause
# Finds what libmpipe is linked with: in this tree, and again where somebody links an installed mpipe, of which this file
# is a part. One MPI below all of it: two in one process would not know each other's communicators.

# FindMPI and FindHDF5 ask the C compiler.
get_property(_mpipe_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if(NOT C IN_LIST _mpipe_languages)
  enable_language(C)
endif()

# Sets mpipe_PROBLEM to one sentence, unless there is a problem already: the first is what the others come from.
macro(mpipe_problem)
  if(NOT mpipe_PROBLEM)
    string(CONCAT mpipe_PROBLEM ${ARGN})
  endif()
endmacro()

# mpipe_find(<package> <argument of find_package>..). A macro, as find_package sets variables of whoever calls it.
macro(mpipe_find package)
  if(NOT mpipe_PROBLEM)
    find_package(${package} ${ARGN} QUIET)
    if(NOT ${package}_FOUND)
      string(REPLACE ";" " " _mpipe_wanted "${package};${ARGN}")
      mpipe_problem("mpipe needs ${_mpipe_wanted}, which was not found: install it, or add its place to CMAKE_PREFIX_PATH.")
    endif()
  endif()
endmacro()

# mpipe_find_library(<name> <header> [<library>]): makes mpipe::<name> of what brings no files for CMake.
macro(mpipe_find_library name header)
  if(NOT mpipe_PROBLEM AND NOT TARGET mpipe::${name})
    find_path(MPIPE_${name}_DIR ${header})
    set(_mpipe_link "")
    if(${ARGC} GREATER 2)
      find_library(MPIPE_${name}_LIBRARY ${ARGV2})
      set(_mpipe_link ${MPIPE_${name}_LIBRARY})
    endif()
    if(NOT MPIPE_${name}_DIR OR _mpipe_link MATCHES "NOTFOUND")
      mpipe_problem("mpipe needs ${name} (${header}), which was not found: install it, or add its place to CMAKE_PREFIX_PATH.")
    else()
      add_library(mpipe::${name} INTERFACE IMPORTED)
      target_include_directories(mpipe::${name} INTERFACE ${MPIPE_${name}_DIR})
      target_link_libraries(mpipe::${name} INTERFACE ${_mpipe_link})
    endif()
  endif()
endmacro()

# Sets <result> to the MPI that a program is given which links <items>, files of libraries or targets of such: the name
# that the loader looks for, as libmpi.so.40 (Open MPI) or libmpich.so.12 (MPICH). Empty where none of them says one, as
# static libraries do.
function(mpipe_mpi_of result)
  set(found "")
  foreach(item IN LISTS ARGN)
    if(TARGET "${item}")
      get_target_property(item ${item} LOCATION)
    endif()
    if(EXISTS "${item}")
      get_filename_component(file "${item}" REALPATH)
      get_filename_component(name "${file}" NAME)
      if(name MATCHES "^libmpi(ch)?\\.so\\.[0-9]+")
        list(APPEND found ${CMAKE_MATCH_0})
      else()
        file(STRINGS "${file}" names REGEX "^libmpi(ch)?\\.so\\.[0-9]+$")
        list(APPEND found ${names})
      endif()
    endif()
  endforeach()
  list(REMOVE_DUPLICATES found)
  set(${result} "${found}" PARENT_SCOPE)
endfunction()

# mpipe_check_mpi(<what> <its MPI> <the MPI that was found>): both as mpipe_mpi_of gives them; what is not known is not
# refused.
macro(mpipe_check_mpi what theirs ours)
  set(_mpipe_theirs "${theirs}")
  if(NOT "${ours}" STREQUAL "" AND NOT "${theirs}" STREQUAL "" AND NOT "${ours}" IN_LIST _mpipe_theirs)
    mpipe_problem("mpipe cannot be linked here, as the MPI that was found is ${ours} but ${what} was built for ${theirs}: "
                  "choose that MPI by -DMPI_C_COMPILER=.. and -DMPI_CXX_COMPILER=.., or install ${what} for ${ours}.")
  endif()
endmacro()

# mpipe_find_dependencies([<MPI> <version of HDF5>]): makes the targets that mpipe is linked with. The arguments are
# those that an installed mpipe was built for. Sets mpipe_PROBLEM, which is empty where all is there and fits. A function,
# so that no setting reaches whoever links mpipe.
function(mpipe_find_dependencies)
  set(mpipe_PROBLEM "")
  mpipe_find(Threads)
  mpipe_find(MPI COMPONENTS C CXX)
  set(Boost_USE_STATIC_LIBS OFF)
  mpipe_find(Boost 1.74 COMPONENTS mpi serialization)
  set(HDF5_PREFER_PARALLEL ON)
  mpipe_find(HDF5 COMPONENTS C)
  mpipe_find(fmt 9)
  mpipe_find(spdlog)
  mpipe_find(yaml-cpp)
  mpipe_find_library(xxhash xxhash.h xxhash)
  mpipe_find_library(zlib zlib.h z)

  if(NOT mpipe_PROBLEM AND NOT HDF5_IS_PARALLEL)
    mpipe_problem("mpipe needs a parallel HDF5, and the one found (${HDF5_C_INCLUDE_DIRS}) is serial: install "
                  "libhdf5-openmpi-dev, or set HDF5_ROOT to a build with --enable-parallel.")
  endif()
  if(NOT mpipe_PROBLEM)
    mpipe_mpi_of(ours ${MPI_C_LIBRARIES})
    mpipe_mpi_of(of_hdf5 ${HDF5_C_LIBRARIES})
    mpipe_mpi_of(of_boost Boost::mpi)
    mpipe_check_mpi("mpipe" "${ARGV0}" "${ours}")
    mpipe_check_mpi("HDF5" "${of_hdf5}" "${ours}")
    mpipe_check_mpi("Boost.MPI" "${of_boost}" "${ours}")
  endif()
  # HDF5 itself ends a program that was compiled for another version.
  if(NOT mpipe_PROBLEM AND ARGC GREATER 1 AND NOT HDF5_VERSION VERSION_EQUAL "${ARGV1}")
    mpipe_problem("mpipe cannot be linked here, as it was built for HDF5 ${ARGV1} but HDF5 ${HDF5_VERSION} was found "
                  "(${HDF5_C_INCLUDE_DIRS}): set HDF5_ROOT to the place of HDF5 ${ARGV1}, or build mpipe anew.")
  endif()
  set(mpipe_PROBLEM "${mpipe_PROBLEM}" PARENT_SCOPE)
  set(mpipe_MPI "${ours}" PARENT_SCOPE)
  set(mpipe_HDF5 "${HDF5_VERSION}" PARENT_SCOPE)
endfunction()
