# SPDX-License-Identifier: BSD-3-Clause
# What this project is built on. Each entry has a name for the table in Layers.cmake, the headers one knows it
# by (a directory or a file below an include path), and the target that is linked.

# mpipe_third_party(<name> HEADERS <prefix>.. LINK <target>..)
function(mpipe_third_party name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;LINK")
  set_property(GLOBAL PROPERTY MPIPE_HEADERS_OF_${name} "${arg_HEADERS}")
  set_property(GLOBAL PROPERTY MPIPE_LINK_OF_${name} "${arg_LINK}")
  set_property(GLOBAL APPEND PROPERTY MPIPE_THIRD_PARTY ${name})
endfunction()

# Sets <result> to the concatenated <what> (HEADERS or LINK) of the named third parties.
function(mpipe_get_third_party result what)
  get_property(known GLOBAL PROPERTY MPIPE_THIRD_PARTY)
  set(values "")
  foreach(name IN LISTS ARGN)
    if(NOT name IN_LIST known)
      message(FATAL_ERROR "'${name}' is not in cmake/ThirdParty.cmake, which knows: ${known}.")
    endif()
    get_property(value GLOBAL PROPERTY MPIPE_${what}_OF_${name})
    list(APPEND values ${value})
  endforeach()
  set(${result} "${values}" PARENT_SCOPE)
endfunction()

find_package(MPI REQUIRED COMPONENTS C CXX)
set(Boost_USE_STATIC_LIBS OFF)
find_package(Boost 1.74 REQUIRED COMPONENTS mpi serialization)
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "mpipe needs a parallel HDF5, and the one found (${HDF5_C_INCLUDE_DIRS}) is serial: "
                      "install libhdf5-openmpi-dev or set HDF5_ROOT to a build with --enable-parallel.")
endif()
find_package(fmt 9 REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PNG 1.6 REQUIRED)

find_path(MPIPE_RANDOM123_DIR Random123/philox.h REQUIRED)
add_library(mpipe_random123 INTERFACE IMPORTED)
target_include_directories(mpipe_random123 INTERFACE ${MPIPE_RANDOM123_DIR})

find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)

# For an example only, which is left out without it.
pkg_check_modules(LAMMPS QUIET IMPORTED_TARGET liblammps)

# The C++ bindings of MPI-2 are long gone from the standard; without them mpi.h is short. (Empty, as Boost.MPI has it.)
add_library(mpipe_mpi INTERFACE IMPORTED)
target_link_libraries(mpipe_mpi INTERFACE MPI::MPI_C)
target_compile_definitions(mpipe_mpi INTERFACE OMPI_SKIP_MPICXX= MPICH_SKIP_MPICXX=1)

mpipe_third_party(fmt HEADERS fmt LINK fmt::fmt)
mpipe_third_party(spdlog HEADERS spdlog LINK spdlog::spdlog fmt::fmt)
mpipe_third_party(mpi HEADERS mpi.h mpi-ext.h LINK mpipe_mpi)
mpipe_third_party(boost_mpi HEADERS boost/mpi LINK Boost::mpi mpipe_mpi)
mpipe_third_party(boost_serialization HEADERS boost/serialization boost/archive boost/core LINK Boost::serialization)
mpipe_third_party(hdf5 HEADERS hdf5.h LINK hdf5::hdf5 mpipe_mpi)
mpipe_third_party(xxhash HEADERS xxhash.h LINK PkgConfig::XXHASH)
mpipe_third_party(random123 HEADERS Random123 LINK mpipe_random123)
mpipe_third_party(yaml_cpp HEADERS yaml-cpp LINK yaml-cpp)
mpipe_third_party(nlohmann_json HEADERS nlohmann LINK nlohmann_json::nlohmann_json)
mpipe_third_party(cli11 HEADERS CLI LINK CLI11::CLI11)
mpipe_third_party(png HEADERS png.h LINK PNG::PNG)
mpipe_third_party(dlopen HEADERS dlfcn.h LINK ${CMAKE_DL_LIBS})
mpipe_third_party(lammps HEADERS lammps LINK PkgConfig::LAMMPS)
mpipe_third_party(pybind11 HEADERS pybind11 LINK pybind11::embed)
