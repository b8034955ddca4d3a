# SPDX-License-Identifier: BSD-3-Clause
# What the table in Layers.cmake is made of, and what src/<layer>/CMakeLists.txt calls.

function(_mpipe_declare kind name)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "USES;MAY_EXPOSE;MAY_INCLUDE;MAY_SHARE;NOT")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${name}: cannot read '${arg_UNPARSED_ARGUMENTS}' in its line of cmake/Layers.cmake.")
  endif()
  mpipe_get_third_party(exposed HEADERS ${MPIPE_EVERYWHERE} ${arg_MAY_EXPOSE} ${arg_MAY_SHARE})
  mpipe_get_third_party(included HEADERS ${MPIPE_EVERYWHERE} ${arg_MAY_EXPOSE} ${arg_MAY_INCLUDE} ${arg_MAY_SHARE})
  list(APPEND arg_MAY_INCLUDE ${arg_MAY_SHARE})  # both are linked alike
  foreach(key USES MAY_EXPOSE MAY_INCLUDE)
    set_property(GLOBAL PROPERTY MPIPE_${key}_OF_${name} "${arg_${key}}")
  endforeach()
  list(JOIN arg_USES " " uses)
  list(JOIN exposed " " exposed)
  list(JOIN included " " included)
  list(JOIN arg_NOT " " not)
  set_property(GLOBAL APPEND PROPERTY MPIPE_TABLE
               "${kind} ${name} | uses ${uses} | headers ${exposed} | sources ${included} | not ${not}")
endfunction()

# mpipe_layer(<name> USES .. MAY_EXPOSE .. MAY_INCLUDE .. NOT ..): see Layers.cmake.
function(mpipe_layer name)
  get_property(above GLOBAL PROPERTY MPIPE_LAYERS)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;MAY_EXPOSE;MAY_INCLUDE;MAY_SHARE;NOT")
  foreach(used IN LISTS arg_USES)
    if(NOT used IN_LIST above)
      message(FATAL_ERROR "cmake/Layers.cmake: layer '${name}' cannot use '${used}', which is not above its "
                          "line. A layer uses lower ones only, so that cycles cannot be written.")
    endif()
  endforeach()
  _mpipe_declare(layer ${name} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY MPIPE_LAYERS ${name})
endfunction()

# mpipe_consumer(<directory> MAY_INCLUDE ..): a directory of programs on top of all layers.
function(mpipe_consumer directory)
  get_property(layers GLOBAL PROPERTY MPIPE_LAYERS)
  _mpipe_declare(consumer ${directory} USES ${layers} ${ARGN})
endfunction()

# Writes the table for tests/architecture/check_includes.py.
function(mpipe_write_layers file)
  get_property(table GLOBAL PROPERTY MPIPE_TABLE)
  list(JOIN table "\n" table)
  file(WRITE ${file} "# Written from cmake/Layers.cmake.\n${table}\n")
endfunction()

# Adds src/<layer> for each layer of the table that exists, then the target mpipe::mpipe that holds them all.
macro(mpipe_add_layers)
  get_property(_mpipe_layers GLOBAL PROPERTY MPIPE_LAYERS)
  foreach(_mpipe_layer IN LISTS _mpipe_layers)
    mpipe_add_subdirectory(src/${_mpipe_layer})
  endforeach()
  _mpipe_add_library()
endmacro()

# The library that users link: one archive with the objects of all layers. What it asks of those who link it is written
# out here, as the targets of third parties that Dependencies.cmake finds again where mpipe is installed; how this tree
# itself is compiled does not reach them.
function(_mpipe_add_library)
  get_property(layers GLOBAL PROPERTY MPIPE_LAYERS)
  set(objects "")
  foreach(layer IN LISTS layers)
    get_target_property(type mpipe_${layer} TYPE)
    if(type STREQUAL STATIC_LIBRARY)
      list(APPEND objects $<TARGET_OBJECTS:mpipe_${layer}>)
    endif()
  endforeach()
  add_library(mpipe STATIC ${objects})
  add_library(mpipe::mpipe ALIAS mpipe)
  set_target_properties(mpipe PROPERTIES LINKER_LANGUAGE CXX)
  target_compile_features(mpipe PUBLIC cxx_std_20)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/mpipe/*.hpp)
  target_sources(mpipe PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${headers})
  target_link_libraries(mpipe
    PUBLIC fmt::fmt Boost::mpi Boost::serialization MPI::MPI_C
    PRIVATE hdf5::hdf5 mpipe::xxhash mpipe::zlib spdlog::spdlog yaml-cpp Threads::Threads ${CMAKE_DL_LIBS})
  if(PROJECT_IS_TOP_LEVEL)  # our own programs see mpi.h as the layers do
    target_link_libraries(mpipe INTERFACE $<BUILD_INTERFACE:mpipe_mpi>)
  else()  # warnings that only the project around this one asks for stay out of our headers
    set_target_properties(mpipe PROPERTIES SYSTEM ON)
  endif()
endfunction()

# mpipe_add_layer(<name> [SOURCES <file>..])
# Makes mpipe::<name> from the sources (listed by hand) and all headers in include/mpipe/<name>, linked to what
# the table allows. Without sources it is a library of headers only.
function(mpipe_add_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  get_property(layers GLOBAL PROPERTY MPIPE_LAYERS)
  if(NOT name IN_LIST layers)
    message(FATAL_ERROR "'${name}' has no line in cmake/Layers.cmake: add one, below the layers that it uses.")
  endif()
  set(target mpipe_${name})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(public PUBLIC)
    set(private PRIVATE)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:mpipe_build_options>)
    target_precompile_headers(${target} REUSE_FROM mpipe_precompiled)
  else()
    add_library(${target} INTERFACE)
    set(public INTERFACE)
    set(private INTERFACE)
  endif()
  add_library(mpipe::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} ${public} cxx_std_20)

  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/mpipe/${name}/*.hpp)
  target_sources(${target} ${public} FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${headers})

  get_property(uses GLOBAL PROPERTY MPIPE_USES_OF_${name})
  foreach(used IN LISTS uses)
    if(TARGET mpipe_${used})
      target_link_libraries(${target} ${public} mpipe::${used})
    endif()
  endforeach()
  get_property(exposed GLOBAL PROPERTY MPIPE_MAY_EXPOSE_OF_${name})
  get_property(included GLOBAL PROPERTY MPIPE_MAY_INCLUDE_OF_${name})
  mpipe_get_third_party(exposed LINK ${MPIPE_EVERYWHERE} ${exposed})
  mpipe_get_third_party(included LINK ${included})
  target_link_libraries(${target} ${public} ${exposed} ${private} ${included})
endfunction()
