# SPDX-License-Identifier: BSD-3-Clause
# What `cmake --install` lays out. Two components: `runtime` has the program, its plugins and what belongs to them,
# `development` what one compiles and links with. All of it may be moved as a whole afterwards: files look for each
# other by relative paths only.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(${PROJECT_SOURCE_DIR}/cmake/packaging/PkgConfig.cmake)  # mpipe_write_pkg_config, mpipe_linked_files

set(runtime COMPONENT runtime)
set(development COMPONENT development)
set(share ${CMAKE_INSTALL_DATADIR}/mpipe)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/mpipe)
# Where the program searches, ../lib/mpipe/plugins from it, also on systems that call their libraries' directory otherwise.
set(plugins lib/mpipe/plugins)

# --- the program ----------------------------------------------------------------------------------------------
# Third parties are found again where they were linked from, unless the system looks there anyway. Those that are installed
# to the same place move with it.
set(directories "")
mpipe_linked_files(files)
foreach(file IN LISTS files)
  get_filename_component(file "${file}" REALPATH)
  get_filename_component(directory "${file}" DIRECTORY)
  cmake_path(IS_PREFIX CMAKE_INSTALL_PREFIX "${directory}" NORMALIZE moves)
  if(directory IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    continue()
  elseif(moves)
    file(RELATIVE_PATH directory "${CMAKE_INSTALL_FULL_BINDIR}" "${directory}")
    string(PREPEND directory "$ORIGIN/")
  endif()
  list(APPEND directories "${directory}")
endforeach()
list(APPEND directories ${CMAKE_INSTALL_RPATH})  # what who builds asks for
list(REMOVE_DUPLICATES directories)
if(TARGET pipeline_app)
  set_target_properties(pipeline_app PROPERTIES INSTALL_RPATH "${directories}")
  install(TARGETS pipeline_app RUNTIME ${runtime})
endif()
if(TARGET mpipe_python)  # what it shares with the program is loaded by then
  set_target_properties(mpipe_python PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS mpipe_python LIBRARY DESTINATION ${plugins} ${runtime})
endif()
install(DIRECTORY DESTINATION ${plugins} ${runtime})
install(FILES ${PROJECT_SOURCE_DIR}/docs/pipeline.schema.json DESTINATION ${share} ${runtime})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/slurm DESTINATION ${share} USE_SOURCE_PERMISSIONS ${runtime})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} ${runtime})

# Pages of the manual, and what shells complete by, as far as there are any: <files> are installed to <directory>.
function(mpipe_install_matching files directory)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "RENAME" "")
  file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${files})
  if(found AND arg_RENAME)
    install(FILES ${found} DESTINATION ${directory} RENAME ${arg_RENAME} ${runtime})
  elseif(found)
    install(FILES ${found} DESTINATION ${directory} ${runtime})
  endif()
endfunction()
mpipe_install_matching(docs/man/*.1 ${CMAKE_INSTALL_MANDIR}/man1)
set(completion apps/pipeline_app/completion)
mpipe_install_matching(${completion}/pipeline_app.bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME pipeline_app)
mpipe_install_matching(${completion}/_pipeline_app ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
mpipe_install_matching(${completion}/pipeline_app.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# --- the library ----------------------------------------------------------------------------------------------
install(TARGETS mpipe EXPORT mpipe ARCHIVE ${development} FILE_SET HEADERS ${development})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mpipe DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${development})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/apps/examples DESTINATION ${share} ${development})

# For find_package. What mpipe was built for is written down: the package refuses another MPI and another HDF5.
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/packaging/mpipeConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/packaging/mpipeConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/packaging/mpipeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT mpipe NAMESPACE mpipe:: FILE mpipeTargets.cmake DESTINATION ${package} ${development})
install(FILES ${PROJECT_BINARY_DIR}/packaging/mpipeConfig.cmake ${PROJECT_BINARY_DIR}/packaging/mpipeConfigVersion.cmake
        DESTINATION ${package} ${development})
foreach(part Dependencies Functions)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/${part}.cmake DESTINATION ${package} RENAME mpipe${part}.cmake ${development})
endforeach()

# For pkg-config.
mpipe_write_pkg_config(${PROJECT_BINARY_DIR}/packaging/mpipe.pc)
install(FILES ${PROJECT_BINARY_DIR}/packaging/mpipe.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${development})
