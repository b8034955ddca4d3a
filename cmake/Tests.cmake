# SPDX-License-Identifier: BSD-3-Clause
# How tests are made. A test program is one CTest test, or one per number of ranks: starting MPI costs more than
# most of what is tested.

find_package(GTest REQUIRED)

# What Open MPI needs to run as root and with more ranks than cores, and for messages within a container that
# does not allow one process to read another's memory. Ranks that wait let other tests have the core.
set(MPIPE_MPI_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1 GTEST_COLOR=no)

# For the tests that are scripts: Debian's own interpreter first, as its packages (h5py, xarray) are those that
# `./run test` installs.
find_program(MPIPE_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(MPIPE_PYTHON python3 REQUIRED)

# Tests are compiled more often than they run: -O1 takes two thirds of the time of -O3. What is measured
# (tests/bench) is compiled as the product is.
set(MPIPE_TEST_OPTIMIZATION $<$<CONFIG:Release>:-O1>)

# The precompiled header of all tests. Programs are compiled as -fPIE, and so must it be.
file(WRITE ${PROJECT_BINARY_DIR}/generated/precompiled_tests.cpp.in "// Only there to make the precompiled header.\n")
configure_file(${PROJECT_BINARY_DIR}/generated/precompiled_tests.cpp.in
               ${PROJECT_BINARY_DIR}/generated/precompiled_tests.cpp COPYONLY)
add_library(mpipe_precompiled_tests OBJECT ${PROJECT_BINARY_DIR}/generated/precompiled_tests.cpp)
set_target_properties(mpipe_precompiled_tests PROPERTIES POSITION_INDEPENDENT_CODE OFF)
target_compile_options(mpipe_precompiled_tests PRIVATE -fPIE ${MPIPE_TEST_OPTIMIZATION})
target_link_libraries(mpipe_precompiled_tests PRIVATE mpipe_build_options GTest::gtest)
target_precompile_headers(mpipe_precompiled_tests PRIVATE ${MPIPE_PRECOMPILED} <gtest/gtest.h>)

# The main function of the tests that run on several ranks.
mpipe_get_third_party(_mpi LINK mpi)
add_library(mpipe_mpi_main OBJECT ${PROJECT_SOURCE_DIR}/tests/support/mpi_main.cpp)
target_link_libraries(mpipe_mpi_main PRIVATE mpipe_build_options GTest::gtest ${_mpi})

# A program of tests: also sees src/ (private headers, as "layer/x.hpp") and tests/ ("support/x.hpp").
function(_mpipe_add_test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "LOADS_PLUGINS" "" "SOURCES;LINK;THIRD_PARTY")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "Test '${name}': cannot read '${arg_UNPARSED_ARGUMENTS}'.")
  endif()
  mpipe_get_third_party(third_party LINK ${arg_THIRD_PARTY})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE mpipe_build_options ${arg_LINK} ${third_party} GTest::gtest)
  target_compile_options(${name} PRIVATE ${MPIPE_TEST_OPTIMIZATION})
  target_precompile_headers(${name} REUSE_FROM mpipe_precompiled_tests)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/bin)
  if(arg_LOADS_PLUGINS)
    mpipe_load_plugins(${name})
  endif()
endfunction()

# mpipe_add_test(<name> SOURCES <file>.. [LINK <target>..] [THIRD_PARTY <name>..] [LOADS_PLUGINS]
#                [LABEL <label>] [TIMEOUT <seconds>])
# GoogleTest cases in one process, without MPI being started. Label `unit` unless said.
function(mpipe_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "")
  _mpipe_add_test_program(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  mpipe_default(arg_LABEL unit)
  mpipe_time_limit(120)
  set_tests_properties(${name} PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
endfunction()

# mpipe_add_mpi_test(<name> SOURCES <file>.. NP <ranks>.. [LINK ..] [THIRD_PARTY ..] [LOADS_PLUGINS]
#                    [TIMEOUT <seconds>])
# GoogleTest cases that every rank runs, under mpirun, once for each number of ranks (CTest tests <name>.np3).
# Passes only when all ranks passed: see tests/support/mpi_main.cpp.
function(mpipe_add_mpi_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "NP")
  _mpipe_add_test_program(${name} ${arg_UNPARSED_ARGUMENTS})
  mpipe_get_third_party(mpi LINK mpi)
  target_link_libraries(${name} PRIVATE mpipe_mpi_main ${mpi})
  mpipe_default(arg_NP 1 2 3 5)
  foreach(ranks IN LISTS arg_NP)
    mpipe_add_mpirun_test(${name}.np${ranks} NP ${ranks} TIMEOUT ${arg_TIMEOUT} COMMAND $<TARGET_FILE:${name}>)
    set_tests_properties(${name}.np${ranks} PROPERTIES
                         PASS_REGULAR_EXPRESSION "mpi_main: passed on all ${ranks} rank"
                         FAIL_REGULAR_EXPRESSION "(mpirun|mpiexec|prterun) (noticed|detected|was unable)|Sanitizer:")
  endforeach()
endfunction()

# mpipe_add_mpirun_test(<name> NP <ranks> [TIMEOUT <seconds>] COMMAND <program> <argument>..)
# Any command under mpirun.
function(mpipe_add_mpirun_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "NP;TIMEOUT" "COMMAND")
  mpipe_time_limit(120)
  # mpirun's own time limit comes first, as it ends the ranks and says so. Not bound to cores, or two tests that
  # run at the same time would share core 0.
  math(EXPR own_timeout "${arg_TIMEOUT} - 5")
  add_test(NAME ${name} COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe --bind-to none --timeout ${own_timeout}
                                ${MPIEXEC_NUMPROC_FLAG} ${arg_NP} ${arg_COMMAND})
  # Many ranks wait for each other most of the time: they leave room for one more test.
  set(processors ${arg_NP})
  if(processors GREATER 3)
    set(processors 3)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS mpi PROCESSORS ${processors} TIMEOUT ${arg_TIMEOUT}
                       ENVIRONMENT "${MPIPE_MPI_ENVIRONMENT}")
endfunction()

# Sets a variable that is not set.
macro(mpipe_default variable)
  if(NOT DEFINED ${variable} OR "${${variable}}" STREQUAL "")
    set(${variable} ${ARGN})
  endif()
endmacro()

# Sets `arg_TIMEOUT` that is not set, and gives programs that are slow, as they check themselves, more.
macro(mpipe_time_limit seconds)
  mpipe_default(arg_TIMEOUT ${seconds})
  if(MPIPE_SANITIZE)
    math(EXPR arg_TIMEOUT "5 * ${arg_TIMEOUT}")
  endif()
endmacro()
