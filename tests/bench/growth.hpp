// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Rows of the growth table: what a path over many things costs per thing, and whether that grows with their number.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/index.hpp>

#include <functional>
#include <string>

namespace mpipe::bench {

/// The seconds that processors spend on `action`, in all threads of this process: what else the machine does hardly
/// counts.
double cpu_seconds_of(const std::function<void()>& action);

/// A path over so many things: makes what it needs, and returns the seconds of the path alone.
using Measure = std::function<double(Index count)>;

/// Prints one row: the time and the memory per thing at 1000, 10,000, .. `most`, and the time at the largest count in
/// that at a tenth of it.
void grow(const std::string& name, Index most, const Measure& measure);

/// Throws where `holds` is false: what was measured is not what was meant.
void require(bool holds, const char* what);

/// The rows of executors, launches, pipelines and schedulers. `comm`: this rank alone, with a zygote.
void grow_jobs(const Communicator& comm);

}  // namespace mpipe::bench
