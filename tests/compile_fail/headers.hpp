// SPDX-License-Identifier: BSD-3-Clause
// What all cases of this folder include, to be read once: see CMakeLists.txt.
#include <mpipe/data/boost_archive.hpp>
#include <mpipe/futures/mpi_pool_executor.hpp>
#include <mpipe/pipeline/function.hpp>

#include <boost/serialization/access.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/split_free.hpp>

#include <array>
#include <complex>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
