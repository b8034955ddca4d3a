# SPDX-License-Identifier: BSD-3-Clause
# The architecture, lowest layer first. This table drives the linking, and it is written to layers.txt in the
# build directory, against which a test reads every #include of the tree (tests/architecture).
#
#   mpipe_layer(<name>
#     USES <layer>..             layers whose headers it may include, public ones (include/mpipe/<layer>) and
#                                those for other layers (src/<layer>/api): only ones above its line
#     MAY_EXPOSE <third party>.. may be included anywhere, public headers too: those who link the layer get it
#     MAY_INCLUDE <third party>.. may be included by sources and private headers only
#     MAY_SHARE <third party>.. as MAY_INCLUDE, and by headers in src/<layer>/api: the layers that include these
#                                have it in lines of their own
#     NOT <header>..)            standard and system headers that would break what the layer promises not to know
#
# Third parties are named in ThirdParty.cmake. Standard and POSIX headers are free otherwise, and so is fmt,
# which stands in for the <format> that GCC 12 does not have.
set(MPIPE_EVERYWHERE fmt)

set(_threads thread mutex shared_mutex condition_variable future stop_token latch barrier semaphore pthread.h)
set(_files fstream filesystem fcntl.h unistd.h sys/stat.h sys/mman.h dirent.h)

include(${CMAKE_CURRENT_LIST_DIR}/LayerFunctions.cmake)

mpipe_layer(core)
mpipe_layer(options   USES core
                      NOT ${_threads} ${_files})
mpipe_layer(base      USES core
                      MAY_INCLUDE nlohmann_json)
mpipe_layer(mapspec   USES core
                      NOT ${_threads} ${_files})
# The one owner of handles of HDF5, and the lock on it.
mpipe_layer(h5        USES core base
                      MAY_SHARE hdf5)
mpipe_layer(data      USES core base h5
                      MAY_EXPOSE boost_serialization
                      MAY_INCLUDE hdf5)
mpipe_layer(pipeline  USES core base mapspec data
                      MAY_EXPOSE random123
                      NOT ${_files})
# What is computed, in which shapes: pure, as the layer below it in this table.
mpipe_layer(plan      USES core mapspec data pipeline
                      NOT ${_threads} ${_files} atomic random time.h ctime sys/time.h)
# Pure state machines (state, event, now) -> actions: <chrono> for values of time, never for a clock.
mpipe_layer(schedule  USES core
                      NOT ${_threads} ${_files} atomic random time.h ctime sys/time.h)
# Calls in other processes; below comm, as the zygote is forked before MPI starts.
mpipe_layer(isolation USES core base data pipeline
                      MAY_INCLUDE dlopen
                      NOT fstream filesystem)
mpipe_layer(comm      USES core base data isolation
                      MAY_EXPOSE mpi boost_mpi)
mpipe_layer(exec      USES core base mapspec data pipeline plan schedule isolation comm
                      MAY_INCLUDE dlopen
                      NOT fstream filesystem)
mpipe_layer(futures   USES core base data comm
                      MAY_INCLUDE dlopen
                      NOT fstream filesystem)
mpipe_layer(store     USES core options base h5 mapspec data comm
                      MAY_INCLUDE mpi hdf5 xxhash zlib nlohmann_json)
mpipe_layer(folder    USES core base data comm plan exec store
                      MAY_INCLUDE spdlog nlohmann_json)
mpipe_layer(run       USES core options base mapspec data pipeline plan schedule isolation comm exec store folder
                      MAY_INCLUDE spdlog)
mpipe_layer(launch    USES core options base mapspec data pipeline plan schedule comm exec folder run
                      MAY_INCLUDE spdlog)
mpipe_layer(document  USES core options base mapspec data pipeline
                      MAY_INCLUDE yaml_cpp nlohmann_json dlopen)
# The functions of <mpipe/mpipe.h>.
mpipe_layer(c_interface USES core options base mapspec data pipeline comm run document
                      MAY_EXPOSE mpi)

# What stands on the layers: free to use all of them, checked for third parties all the same.
mpipe_consumer(apps/pipeline_app MAY_INCLUDE cli11 spdlog nlohmann_json png)
mpipe_consumer(apps/python_plugin MAY_INCLUDE pybind11 dlopen)
mpipe_consumer(apps/examples     MAY_INCLUDE cli11 hdf5 lammps mpi)

mpipe_write_layers(${PROJECT_BINARY_DIR}/layers.txt)
