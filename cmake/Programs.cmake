# SPDX-License-Identifier: BSD-3-Clause
# Programs and plugins.

# Everything that a user runs; `./run build` builds this and no tests.
add_custom_target(programs)

# Lets <target> load plugins: it exports its symbols, and it holds the layers whole, as a plugin may need what
# the program itself does not.
function(mpipe_load_plugins target)
  get_property(layers GLOBAL PROPERTY MPIPE_LAYERS)
  set(libraries "")
  foreach(layer IN LISTS layers)
    if(TARGET mpipe_${layer})
      get_target_property(type mpipe_${layer} TYPE)
      if(type STREQUAL STATIC_LIBRARY)
        list(APPEND libraries mpipe_${layer})
      endif()
    endif()
  endforeach()
  target_link_libraries(${target} PRIVATE mpipe::mpipe)
  set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)
  if(libraries)
    list(JOIN libraries "," libraries)
    set_property(TARGET ${target} PROPERTY LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,${libraries}")
  endif()
endfunction()

# mpipe_add_program(<name> SOURCES <file>.. [LINK <target>..] [THIRD_PARTY <name>..] [LOADS_PLUGINS])
# An executable in bin/, linked to mpipe::mpipe.
function(mpipe_add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "LOADS_PLUGINS" "" "SOURCES;LINK;THIRD_PARTY")
  mpipe_get_third_party(third_party LINK ${arg_THIRD_PARTY})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE mpipe_build_options mpipe::mpipe ${arg_LINK} ${third_party})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${MPIPE_PROGRAM_DIR})
  if(arg_LOADS_PLUGINS)
    mpipe_load_plugins(${name})
  endif()
  add_dependencies(programs ${name})
endfunction()

# mpipe_add_plugin(<name> SOURCES <file>.. [LINK <target>..])
# lib<name>.so in lib/mpipe/plugins. It sees the headers of mpipe and takes the symbols from the program that
# loads it: a second copy of the layers would have types of its own.
function(mpipe_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE mpipe_build_options ${arg_LINK})
  target_include_directories(${name} SYSTEM PRIVATE $<TARGET_PROPERTY:mpipe,INTERFACE_INCLUDE_DIRECTORIES>)
  target_compile_definitions(${name} PRIVATE $<TARGET_PROPERTY:mpipe,INTERFACE_COMPILE_DEFINITIONS>)
  set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${MPIPE_PLUGIN_DIR})
  add_dependencies(programs ${name})
endfunction()
