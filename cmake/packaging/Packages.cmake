# SPDX-License-Identifier: BSD-3-Clause
# Packages of Debian, by `cpack --config build/CPackConfig.cmake`: mpipe has the program, libmpipe-dev the library.
set(MPIPE_PACKAGE_CONTACT "Who built this package <root@localhost>" CACHE STRING "The maintainer that packages name")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT ${MPIPE_PACKAGE_CONTACT})
set(CPACK_PACKAGE_VENDOR mpipe)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)  # what plugins need of the program stays

set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME mpipe)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS openmpi-bin)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "libmpipe-dev, python3-numpy, python3-h5py")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The program pipeline_app, its plugins and batch scripts.")

# The archive names no libraries, so what it is linked with is listed here: what Dependencies.cmake finds.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libmpipe-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libopenmpi-dev, libhdf5-openmpi-dev, libboost-mpi-dev, libboost-serialization-dev, libfmt-dev, libspdlog-dev, libyaml-cpp-dev, libxxhash-dev, zlib1g-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "mpipe (= ${PROJECT_VERSION}), cmake, pkg-config")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "The library, its headers, files for CMake and pkg-config, and the examples.")
include(CPack)
