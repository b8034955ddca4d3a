// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How runs went, one or several, for programs (`--json`) and for people.
#pragma once

#include <mpipe/folder/status.hpp>
#include <mpipe/launch/launch.hpp>

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace mpipe::app {

/// The object of `map --json`, and a line break. `name`: of one of several runs.
std::string results_json(const Results& results, const std::string& state,
                         const std::vector<Failure>& failures, const std::filesystem::path& run_folder,
                         Index max_print, const std::string& name = {});

/// The same for a run that ended without results: what its status knows. `state` is `failed` or `cancelled`.
std::string status_as_results_json(const RunStatus& status, const std::string& state,
                                   const std::filesystem::path& run_folder, double wall_seconds,
                                   const std::string& name = {});

/// The member `outputs` of those objects: shape, dims, dtype, counts and data of one output. `value` may be
/// empty.
struct OutputReport {
  std::vector<std::string> dims;
  PartialShape shape;
  std::string dtype;
  Index done = 0;
  Index failed = 0;
  Index blocked = 0;
  Index pending = 0;
};
std::string output_json(const OutputReport& output, const std::string& data);

/// `value` as JSON, or null when it has more than `max_print` values; `mask`: see json_text.hpp.
std::string data_json(const Value& value, const std::vector<bool>& mask, Index max_print);

/// What failed and what that blocked, for people: a few lines, however much it is.
std::vector<std::string> failure_lines(const Results& results);

/// `1200 elements in 3.2 s (375/s); utilisation 93 % of the workers, 62 % of all ranks`
std::string usage_text(const Results& results);

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
std::string runs_json(std::vector<RunReport> runs, const std::string& state,
                      const std::filesystem::path& run_folder, int ranks, int workers, double wall_seconds);

/// The exit code of all: 0 when all completed without failures, else the most severe of theirs.
int exit_code_of(const std::vector<MapOutcome>& outcomes);
/// `completed` when all completed, else `failed` when one failed, else `cancelled`.
std::string state_of(const std::vector<MapOutcome>& outcomes);

}  // namespace mpipe::app
