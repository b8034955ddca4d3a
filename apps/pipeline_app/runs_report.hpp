// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How several runs went together, for programs.
#pragma once

#include <mpipe/launch/launch.hpp>

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe::app {

/// One of the runs.
struct RunReport {
  std::string name;
  std::string json;                        ///< its own object
  std::shared_ptr<const Results> results;  ///< may be null
  std::vector<Failure> failures;
  std::string error;  ///< of no element; empty where there is none
};

/// The object of `map --json` of a document with runs, and a line break: sums over the runs, and each of them
/// in `runs`. `workers`: ranks that compute.
std::string runs_json(const std::vector<RunReport>& runs, const std::string& state,
                      const std::filesystem::path& run_folder, int ranks, int workers, double wall_seconds);

/// The exit code of all: 0 when all completed without failures, else the most severe of theirs.
int exit_code_of(const std::vector<MapOutcome>& outcomes);
/// `completed` when all completed, else `failed` when one failed, else `cancelled`.
std::string state_of(const std::vector<MapOutcome>& outcomes);

}  // namespace mpipe::app
