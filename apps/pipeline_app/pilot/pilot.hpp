// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A pilot: some elements of each function are really computed, and the rest of the run is predicted from their times by
/// the scheduler itself, in virtual time.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/run/map.hpp>

#include "store/api/reuse_runs.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mpipe::app {

/// What the calls of a function took in the pilot, and what is made of that.
struct PilotFunction {
  std::string name;
  Index calls = 0;
  double mean_seconds = 0;
  double max_seconds = 0;
  Index elements = 0;  ///< in the whole run
  /// A call of the whole run takes so many times the values that a call of the pilot took, and is counted so many times as
  /// long.
  double scale = 1;
};

/// How a run on so many ranks would go.
struct Prediction {
  int ranks = 1;
  std::size_t workers = 1;
  double makespan_seconds =
      0;                  ///< from the first block to the last; without the start of MPI, and without storing
  double core_hours = 0;  ///< of all ranks
  double efficiency = 0;  ///< the time of the functions over that of all ranks
};

struct PilotReport {
  double seconds = 0;  ///< that the pilot took
  std::vector<PilotFunction> functions;
  std::vector<Prediction> predictions;
  std::uint64_t file_bytes = 0;  ///< of the results
  std::vector<std::string> notes;
};

/// What is to be predicted.
struct PilotRequest {
  Inputs inputs;
  MapOptions options;
  Index elements = 1;                     ///< to be computed of each function
  std::vector<int> ranks;                 ///< beside those of this job
  std::vector<ReusedOutput> reused = {};  ///< what need not be computed
};

/// Collective. Computes the elements on all ranks of `comm`, in memory: nothing is written into a run folder. `request` and
/// what is returned are those of rank 0. Throws `Error`: as `map`; bad_option where such a run cannot be predicted: with teams,
/// with several executors, or with shapes that the pilot does not show.
PilotReport run_pilot(const Communicator& comm, const Pipeline& pipeline, const PilotRequest& request);

std::string pilot_text(const PilotReport& report);
nlohmann::json pilot_json(const PilotReport& report);

}  // namespace mpipe::app
