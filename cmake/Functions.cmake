# SPDX-License-Identifier: BSD-3-Clause
# What makes programs and plugins: in this tree, in a tree that has this one within it, and with an installed mpipe, of
# which this file is a part.
#
# Targets are compiled as the caller says. Within this tree MPIPE_OWN_OPTIONS (what is linked to each of our targets),
# MPIPE_PROGRAM_DIR and MPIPE_PLUGIN_DIR (where they go) are set; elsewhere they are not, so nothing of it reaches others.

# Lets <target> load plugins: it exports its symbols, and it holds mpipe whole, as a plugin may need what the program
# itself does not. The target is linked to mpipe::mpipe already, and only once: held whole twice, nothing would link.
function(mpipe_load_plugins target)
  # The target is called mpipe where it is built, and mpipe::mpipe where it is installed.
  set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON
                        LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,mpipe,mpipe::mpipe")
endfunction()

# mpipe_add_program(<name> SOURCES <file>.. [LINK <target>..] [LOADS_PLUGINS])
# An executable that is linked to mpipe::mpipe.
function(mpipe_add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "LOADS_PLUGINS" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${MPIPE_OWN_OPTIONS} mpipe::mpipe ${arg_LINK})
  if(arg_LOADS_PLUGINS)
    mpipe_load_plugins(${name})
  endif()
  if(MPIPE_PROGRAM_DIR)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${MPIPE_PROGRAM_DIR})
    add_dependencies(mpipe_programs ${name})
  endif()
endfunction()

# mpipe_add_plugin(<name> SOURCES <file>.. [LINK <target>..])
# lib<name>.so, for `plugin:` in documents. It sees the headers of mpipe and takes the symbols from the program that
# loads it: a second copy of the library would have types of its own.
function(mpipe_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${MPIPE_OWN_OPTIONS} ${arg_LINK})
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_include_directories(${name} SYSTEM PRIVATE
                             $<TARGET_PROPERTY:mpipe::mpipe,INTERFACE_INCLUDE_DIRECTORIES>)
  target_compile_definitions(${name} PRIVATE $<TARGET_PROPERTY:mpipe::mpipe,INTERFACE_COMPILE_DEFINITIONS>)
  if(MPIPE_PLUGIN_DIR)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${MPIPE_PLUGIN_DIR})
    add_dependencies(mpipe_programs ${name})
  endif()
endfunction()
