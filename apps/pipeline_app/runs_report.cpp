// SPDX-License-Identifier: BSD-3-Clause
#include "runs_report.hpp"

#include "json_text.hpp"
#include "map_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace mpipe::app {
namespace {

using nlohmann::json;

constexpr std::size_t kMostErrors = 100;

json functions_of(const std::vector<RunReport>& runs) {
  std::map<std::string, FunctionStatistics> sums;
  for (const RunReport& run : runs) {
    if (!run.results) continue;
    for (const auto& [name, statistics] : run.results->functions) {
      FunctionStatistics& sum = sums[name];
      sum.calls += statistics.calls;
      sum.seconds += statistics.seconds;
      sum.max_seconds = std::max(sum.max_seconds, statistics.max_seconds);
    }
  }
  json functions = json::object();
  for (const auto& [name, sum] : sums)
    functions[name] = {{"calls", sum.calls},
                       {"seconds", sum.seconds},
                       {"mean_seconds", sum.calls == 0 ? 0 : sum.seconds / static_cast<double>(sum.calls)},
                       {"max_seconds", sum.max_seconds}};
  return functions;
}

json errors_of(const std::vector<RunReport>& runs) {
  json errors = json::array();
  const auto add = [&](json error, const std::string& run) {
    if (errors.size() >= kMostErrors) return;
    error["run"] = run;
    errors.push_back(std::move(error));
  };
  for (const RunReport& run : runs) {
    for (const Failure& failure : run.failures) add(failure_json(failure), run.name);
    if (!run.error.empty()) add(error_json(run.error, ""), run.name);
  }
  return errors;
}

/// Seconds that functions took, over all ranks of a run.
double busy_of(const RunReport& run) {
  if (!run.results) return 0;
  return run.results->busy_all_ranks * run.results->wall_seconds * run.results->ranks;
}

}  // namespace

std::string runs_json(const std::vector<RunReport>& runs, const std::string& state,
                      const std::filesystem::path& run_folder, int ranks, int workers, double wall_seconds) {
  double busy = 0;
  std::vector<std::string> objects;
  for (const RunReport& run : runs) {
    busy += busy_of(run);
    objects.push_back(run.json);
  }
  const auto share = [&](int of) { return wall_seconds > 0 && of > 0 ? busy / (wall_seconds * of) : 0; };
  JsonObject root;
  root.add("state", state);
  root.add("run_folder", run_folder.empty() ? json() : json(run_folder.string()));
  root.add("outputs", json::object());
  root.add("functions", functions_of(runs));
  root.add_text("runs", fmt::format("[{}]", fmt::join(objects, ", ")));
  root.add("ranks", ranks);
  root.add("wall_seconds", wall_seconds);
  root.add("utilisation", {{"workers", share(workers)}, {"all_ranks", share(ranks)}});
  root.add("errors", errors_of(runs));
  return root.text() + "\n";
}

int exit_code_of(const std::vector<MapOutcome>& outcomes) {
  constexpr std::array kMilderFirst{0, 75, 1, 2, 3, 4, 5};
  const auto severity = [&](int code) { return std::find(kMilderFirst.begin(), kMilderFirst.end(), code); };
  int worst = 0;
  for (const MapOutcome& outcome : outcomes)
    if (severity(outcome.exit_code) > severity(worst)) worst = outcome.exit_code;
  return worst;
}

std::string state_of(const std::vector<MapOutcome>& outcomes) {
  RunState state = RunState::completed;
  for (const MapOutcome& outcome : outcomes)
    if (!outcome.completed() && state != RunState::failed) state = outcome.state;
  return std::string(to_string(state));
}

}  // namespace mpipe::app
