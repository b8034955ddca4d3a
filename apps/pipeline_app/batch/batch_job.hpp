// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the batch system says of the job at hand.
#pragma once

#include <chrono>
#include <optional>

namespace mpipe::app {

/// When Slurm ends the job that this process belongs to: `SLURM_JOB_END_TIME`, else what `squeue` says. Empty outside
/// of a job, and where neither tells.
std::optional<std::chrono::system_clock::time_point> end_of_job();

}  // namespace mpipe::app
