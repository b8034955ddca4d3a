# SPDX-License-Identifier: BSD-3-Clause
# What every target of this project is compiled with. Nothing here reaches those who link mpipe.

# Within another project, its build type counts, and so do its flags: only its -Werror does not, as it was meant for
# warnings that we may never have seen.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Plugins are shared libraries made of the same headers, so everything can live in one.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Each public header is compiled alone (target all_verify_interface_header_sets). Once is enough.
if(MPIPE_BUILD_TESTS AND NOT MPIPE_SANITIZE)
  set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)
endif()

set(MPIPE_OWN_OPTIONS mpipe_build_options)
set(MPIPE_PROGRAM_DIR ${PROJECT_BINARY_DIR}/bin)
set(MPIPE_PLUGIN_DIR ${PROJECT_BINARY_DIR}/lib/mpipe/plugins)

find_package(Threads REQUIRED)

add_library(mpipe_build_options INTERFACE)
target_compile_features(mpipe_build_options INTERFACE cxx_std_20)
target_compile_definitions(mpipe_build_options INTERFACE
  MPIPE_VERSION="${PROJECT_VERSION}" $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
target_compile_options(mpipe_build_options INTERFACE
  # Said for all, because MPI says it for its users: one precompiled header then fits everywhere.
  -pthread
  # Multiply and add are never fused: results are the same bytes on every machine.
  -ffp-contract=off
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  # GCC 12 sees overflows in std::string concatenation that are not there (its bug 105329), at -O3 only.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  $<$<BOOL:${MPIPE_WARNINGS_AS_ERRORS}>:-Werror>)
if(NOT PROJECT_IS_TOP_LEVEL AND NOT MPIPE_WARNINGS_AS_ERRORS)
  target_compile_options(mpipe_build_options INTERFACE -Wno-error)
endif()
target_link_libraries(mpipe_build_options INTERFACE Threads::Threads)

if(MPIPE_SANITIZE)
  target_compile_definitions(mpipe_build_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:_GLIBCXX_ASSERTIONS>)
  target_compile_options(mpipe_build_options INTERFACE
    -fsanitize=${MPIPE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(mpipe_build_options INTERFACE -fsanitize=${MPIPE_SANITIZE})
endif()

option(MPIPE_USE_CCACHE "Compile through ccache where it is found" ON)
find_program(MPIPE_CCACHE ccache)
if(MPIPE_USE_CCACHE AND MPIPE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The two sloppinesses are what ccache needs for precompiled headers; the base directory lets worktrees share.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${MPIPE_CCACHE})
  target_compile_options(mpipe_build_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

# One precompiled header for all layers: the standard headers that nearly every file reads, and nothing of ours.
set(MPIPE_PRECOMPILED <algorithm> <array> <cstdint> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <unordered_map> <utility> <variant> <vector>)
file(WRITE ${PROJECT_BINARY_DIR}/generated/precompiled.cpp.in "// Only there to make the precompiled header.\n")
configure_file(${PROJECT_BINARY_DIR}/generated/precompiled.cpp.in ${PROJECT_BINARY_DIR}/generated/precompiled.cpp COPYONLY)
add_library(mpipe_precompiled OBJECT ${PROJECT_BINARY_DIR}/generated/precompiled.cpp)
target_link_libraries(mpipe_precompiled PRIVATE mpipe_build_options)
target_precompile_headers(mpipe_precompiled PRIVATE ${MPIPE_PRECOMPILED})

# add_subdirectory for a part that may not be there.
function(mpipe_add_subdirectory directory)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${directory}/CMakeLists.txt)
    add_subdirectory(${directory})
  endif()
endfunction()
