# SPDX-License-Identifier: BSD-3-Clause
# The architecture, lowest layer first. This table drives the linking, and it is written to layers.txt in the
# build directory, against which a test reads every #include of the tree (tests/architecture).
#
#   mpipe_layer(<name>
#     USES <layer>..             layers whose public headers it may include: only ones above its line
#     MAY_EXPOSE <third party>.. may be included anywhere, public headers too: those who link the layer get it
#     MAY_INCLUDE <third party>.. may be included by sources and private headers only
#     NOT <header>..)            standard and system headers that would break what the layer promises not to know
#
# Third parties are named in ThirdParty.cmake. Standard and POSIX headers are free otherwise, and so is fmt,
# which stands in for the <format> that GCC 12 does not have.
set(MPIPE_EVERYWHERE fmt)

set(_threads thread mutex shared_mutex condition_variable future stop_token latch barrier semaphore pthread.h)
set(_files fstream filesystem fcntl.h unistd.h sys/stat.h sys/mman.h dirent.h)

include(LayerFunctions)

mpipe_layer(core)
mpipe_layer(mapspec  USES core
                     NOT ${_threads} ${_files})
mpipe_layer(data     USES core
                     MAY_EXPOSE boost_serialization
                     MAY_INCLUDE hdf5)
mpipe_layer(pipeline USES core mapspec data
                     MAY_EXPOSE random123
                     NOT ${_files})
# Pure state machines (state, event, now) -> actions: <chrono> for values of time, never for a clock.
mpipe_layer(schedule USES core mapspec data pipeline
                     NOT ${_threads} ${_files} atomic random time.h ctime sys/time.h)
mpipe_layer(comm     USES core data
                     MAY_EXPOSE mpi boost_mpi)
mpipe_layer(store    USES core mapspec data comm
                     MAY_INCLUDE mpi hdf5 xxhash nlohmann_json)
mpipe_layer(exec     USES core mapspec data pipeline schedule comm
                     MAY_INCLUDE dlopen
                     NOT fstream filesystem)
mpipe_layer(run      USES core mapspec data pipeline schedule comm store exec
                     MAY_INCLUDE spdlog nlohmann_json)
mpipe_layer(document USES core mapspec data pipeline
                     MAY_INCLUDE yaml_cpp nlohmann_json dlopen)

# What stands on the layers: free to use all of them, checked for third parties all the same.
mpipe_consumer(apps/pipeline_app MAY_INCLUDE cli11 spdlog nlohmann_json)
mpipe_consumer(apps/examples     MAY_INCLUDE cli11 hdf5 lammps mpi)

mpipe_write_layers(${PROJECT_BINARY_DIR}/layers.txt)
