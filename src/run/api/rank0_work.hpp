// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What rank 0 computes beside its scheduling.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/plan/plan.hpp>

#include "run/api/settings.hpp"

#include <algorithm>

namespace mpipe {

/// How long rank 0 may leave the others without an answer while it computes itself.
inline constexpr Duration kRank0Slice = std::chrono::microseconds(100);

/// All functions may be called by a thread beside the one that schedules. Calls with threads or gpus change
/// the environment, which is left to the thread that reads it.
inline bool may_have_thread(const Plan& plan) {
  const auto may = [&](FunctionId id) {
    const Function& function = plan.pipeline().function(id).function;
    return runs_in_threads(function) && function.resources().threads == 0 && function.resources().gpus == 0;
  };
  return std::all_of(plan.stages().begin(), plan.stages().end(), [&](const Stage& stage) {
    return std::all_of(stage.functions.begin(), stage.functions.end(), may);
  });
}

}  // namespace mpipe
