// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How long a run takes whose elements take times that are known from a sample.
#pragma once

#include <mpipe/plan/plan.hpp>

#include "pilot/pilot.hpp"

#include <vector>

namespace mpipe::app {

struct StageModel {
  StageId id;
  std::size_t wave = 0;
  Index elements = 0;
  std::vector<Duration> times;  ///< of some elements; the others take one of these times each
};

struct RunModel {
  std::vector<StageModel> stages;
};

/// Who computes in a run.
struct WorkerModel {
  std::size_t workers = 1;
  /// Of the rank that schedules, where it computes between two messages; zero: it does not.
  Duration max_block_of_rank0{};
};

/// Throws `Error` (bad_option) where a run with these options cannot be predicted.
WorkerModel worker_model(const Plan& plan, const MapOptions& options, int ranks);

/// Waves follow one another; within one, the scheduler hands out blocks in virtual time. Very many elements are simulated
/// several at a time.
Prediction predict(const RunModel& model, const WorkerModel& workers, int ranks);

}  // namespace mpipe::app
