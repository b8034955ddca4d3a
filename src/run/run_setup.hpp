// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `RunSetup`: a request that was checked and planned for a number of ranks.
#pragma once

#include "run/api/check_resources.hpp"
#include "run/api/request.hpp"
#include "run/api/settings.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace mpipe {

class LossRecord;

/// What a run is, before anybody computes: made once, by each rank for itself, and equal on all of them. The
/// parts of a run read it; only `MapRun` changes it, when a shape becomes known or ranks join.
struct RunSetup {
  /// Throws `Error` for all that is wrong with the request, whichever nodes compute it.
  RunSetup(const Pipeline& whole, const Request& request, int ranks);
  RunSetup(const RunSetup&) = delete;  // the plan points to the pipeline
  RunSetup& operator=(const RunSetup&) = delete;

  /// Throws `Error` (bad_option) where functions need more than these nodes have.
  void check(const NodeInventory& inventory) const;
  /// What must be in memory and is larger than `budget` bytes is refused.
  void check_memory(std::uint64_t budget) const;
  /// Throws `Error` (bad_option) where a call wants more ranks than a run on `ranks` ranks has.
  void check_teams(int ranks) const { mpipe::check_teams(plan, settings, ranks); }

  /// The run goes on after elements that failed.
  bool goes_on() const { return options.error_handling == ErrorHandling::proceed; }
  /// What failed in an earlier start is not tried again. A run that stopped at a failure tries it again.
  bool keeps_failed() const { return goes_on() && !options.retry_failed; }
  std::string function_name(FunctionId id) const { return pipeline.function(id).name(); }

  Pipeline pipeline;  ///< that part of the whole one which is to run
  Inputs inputs;
  MapOptions options;
  Plan plan;
  std::map<std::string, PartialShape> planned_shapes;  ///< before the run
  Settings settings;
  /// Rank 0 of a run that goes on when ranks die: what it knows of those. Outlives this.
  LossRecord* losses = nullptr;
};

/// What the arrays of a run may take on each node, in bytes; 0 where that is not known.
std::uint64_t memory_budget(const MapOptions& options, const NodeInventory& inventory);

/// The outputs of the functions of a wave.
std::vector<OutputId> outputs_of_wave(const Plan& plan, std::size_t wave);
/// The number of elements of an output is known.
bool is_sized(const Plan& plan, OutputId output);
/// The last wave in which an output is read; its own where it is read in no later one.
std::size_t last_reading_wave(const Plan& plan, OutputId output);

}  // namespace mpipe
