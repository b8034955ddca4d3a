// SPDX-License-Identifier: BSD-3-Clause
// Writes results, or what a status knows, as JSON, and sums them up for people.
#include "map_report.hpp"

#include "json_text.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace mpipe::app {
namespace {

using nlohmann::json;

constexpr std::size_t kMostErrors = 100;

json shape_json(const PartialShape& shape) {
  json list = json::array();
  for (const auto& extent : shape) list.push_back(extent ? json(*extent) : json());
  return list;
}

json folder_json(const std::filesystem::path& folder) {
  return folder.empty() ? json() : json(folder.string());
}

std::string result_json(const OutputResult& result, Index max_print) {
  OutputReport report{result.layout.axes,
                      result.layout.shape,
                      std::string(result.layout.type->dtype()),
                      result.done.count(),
                      result.failed.count(),
                      result.blocked.count(),
                      0};
  // What was not selected is not pending: nobody asked for it.
  report.pending = result.selected.count() - report.done - report.failed - report.blocked;
  const bool complete =
      is_known(result.layout.external_shape()) &&
      result.done.contains(IndexRange{0, element_count(known_shape(result.layout.external_shape()))});
  const bool printed =
      result.value.has_value() && is_known(result.layout.shape) && result.value.count() <= max_print;
  if (!printed) return output_json(report, "null");
  return output_json(report,
                     data_json(result.value, complete ? std::vector<bool>{} : result.mask(), max_print));
}

std::string functions_json(const Results& results) {
  JsonObject functions;
  for (const auto& [name, statistics] : results.functions)
    functions.add(name, {{"calls", statistics.calls},
                         {"seconds", statistics.seconds},
                         {"mean_seconds", statistics.mean_seconds},
                         {"max_seconds", statistics.max_seconds}});
  return functions.take();
}

/// The index as `[3, 7]`. A single value has none, and its name stands alone.
std::string place_text(const MultiIndex& index) { return index.empty() ? "" : index_to_string(index); }

/// One failed element, as in the list `errors`.
json failure_json(const Failure& failure) {
  return {{"output", failure.output},      {"index", failure.index}, {"message", failure.message},
          {"type", failure.type},          {"rank", failure.rank},   {"host", failure.host},
          {"arguments", failure.arguments}};
}

/// An error of a run as a whole. It has the keys of `failure_json`, and null where only an element has a
/// value.
json error_json(const std::string& message, const std::string& host) {
  return {{"output", nullptr}, {"index", nullptr}, {"message", message},  {"type", nullptr},
          {"rank", nullptr},   {"host", host},     {"arguments", nullptr}};
}

json utilisation_json(double workers, double all_ranks) {
  return {{"workers", workers}, {"all_ranks", all_ranks}};
}

}  // namespace

std::string output_json(const OutputReport& output, const std::string& data) {
  JsonObject text;
  text.add("shape", shape_json(output.shape));
  text.add("dims", output.dims);
  text.add("dtype", output.dtype);
  text.add("done", output.done);
  text.add("failed", output.failed);
  text.add("blocked", output.blocked);
  text.add("pending", output.pending);
  text.add_text("data", data);
  return text.take();
}

std::string data_json(const Value& value, const std::vector<bool>& mask, Index max_print) {
  if (!value.has_value() || max_print == 0 || value.count() > max_print) return "null";
  return json_text(value, mask);
}

std::string results_json(const Results& results, const std::string& state,
                         const std::vector<Failure>& failures, const std::filesystem::path& run_folder,
                         Index max_print, const std::string& name) {
  JsonObject outputs;
  for (const auto& [output, result] : results.outputs)
    outputs.add_text(output, result_json(result, max_print));
  json errors = json::array();
  for (std::size_t k = 0; k < std::min(failures.size(), kMostErrors); ++k)
    errors.push_back(failure_json(failures[k]));
  JsonObject root;
  if (!name.empty()) root.add("name", name);
  root.add("state", state);
  root.add("run_folder", folder_json(run_folder));
  root.add_text("outputs", outputs.take());
  root.add_text("functions", functions_json(results));
  root.add("ranks", results.ranks);
  root.add("wall_seconds", results.wall_seconds);
  root.add("utilisation", utilisation_json(results.busy_workers, results.busy_all_ranks));
  root.add("errors", errors);
  return root.take() + "\n";
}

/// The keys are those of `results_json`, so that a program which reads one reads the other. What only results
/// know is empty.
std::string status_as_results_json(const RunStatus& status, const std::string& state,
                                   const std::filesystem::path& run_folder, double wall_seconds,
                                   const std::string& name) {
  JsonObject outputs;
  for (const OutputStatus& output : status.outputs)
    outputs.add_text(output.name, output_json({output.dims, output.shape, output.dtype, output.done,
                                               output.failed, output.blocked, output.pending()},
                                              "null"));
  JsonObject root;
  if (!name.empty()) root.add("name", name);
  root.add("state", state);
  root.add("run_folder", folder_json(run_folder));
  root.add_text("outputs", outputs.take());
  root.add("functions", json::object());
  root.add("ranks", status.ranks);
  root.add("wall_seconds", wall_seconds);
  root.add("utilisation", utilisation_json(0, 0));
  root.add("errors", json::array({error_json(status.message, status.owner.host)}));
  return root.take() + "\n";
}

std::vector<std::string> failure_lines(const Results& results) {
  constexpr std::size_t kShown = 5;
  constexpr std::size_t kCausesShown = 3;
  std::vector<std::string> lines{failures_text(results) + ":"};
  const std::size_t shown = std::min(results.failures.size(), kShown);
  for (std::size_t k = 0; k < shown; ++k) {
    const Failure& failure = results.failures[k];
    lines.push_back(fmt::format("  failed: {}{}: {} ({}; called with {}; on rank {}, {})", failure.output,
                                place_text(failure.index), failure.message, failure.type,
                                failure.arguments.empty() ? "nothing" : failure.arguments, failure.rank,
                                failure.host));
  }
  const Index more = results.new_failures - static_cast<Index>(shown);
  if (more > 0) lines.push_back(fmt::format("  failed: {} more", more));
  // Failures of earlier starts are told apart, since to resume a run does not compute them again by itself.
  const Index kept = results.failed_elements - results.new_failures;
  if (kept > 0)
    lines.push_back(
        fmt::format("  failed in an earlier start: {} (--retry-failed computes them again)", kept));
  for (const auto& [name, output] : results.outputs) {
    if (output.blocked.empty()) continue;
    const Index first = output.blocked.ranges().front().begin;
    // One cause more than is shown is asked for, to know whether there are more.
    const auto causes = results.root_causes(name, first, kCausesShown + 1);
    std::vector<std::string> texts;
    for (const RootCause& cause : causes) texts.push_back(cause.output + place_text(cause.index));
    if (texts.size() > kCausesShown) texts.back() = "..";
    const bool sized = is_known(output.layout.external_shape());
    const std::string where =
        sized ? place_text(multi_index(first, known_shape(output.layout.external_shape()))) : "";
    lines.push_back(sized ? fmt::format("  blocked: {} of {} in '{}'; {}{} by {}", output.blocked.count(),
                                        count_text(output.selected.count(), "element"), name, name, where,
                                        fmt::join(texts, ", "))
                          : fmt::format("  blocked: all of '{}', whose shape is not known, by {}", name,
                                        fmt::join(texts, ", ")));
  }
  return lines;
}

std::string usage_text(const Results& results) {
  Index calls = 0;
  for (const auto& [name, statistics] : results.functions) calls += statistics.calls;
  std::string text =
      fmt::format("{} in {}", count_text(calls, "element"), duration_text(results.wall_seconds));
  if (results.wall_seconds > 0)
    text += fmt::format(" ({})", rate_text(static_cast<double>(calls) / results.wall_seconds));
  return text + fmt::format("; utilisation {:.0f} % of the workers, {:.0f} % of all ranks",
                            100 * results.busy_workers, 100 * results.busy_all_ranks);
}

namespace {

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
                       // The mean is made of the sums: a mean of means would count short runs as much as long
                       // ones.
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

std::string runs_json(std::vector<RunReport> runs, const std::string& state,
                      const std::filesystem::path& run_folder, int ranks, int workers, double wall_seconds) {
  double busy = 0;
  for (const RunReport& run : runs) busy += busy_of(run);
  const auto share = [&](int of) { return wall_seconds > 0 && of > 0 ? busy / (wall_seconds * of) : 0; };
  JsonObject root;
  root.add("state", state);
  root.add("run_folder", folder_json(run_folder));
  root.add("outputs", json::object());
  root.add("functions", functions_of(runs));
  root.add("ranks", ranks);
  root.add("wall_seconds", wall_seconds);
  root.add("utilisation", {{"workers", share(workers)}, {"all_ranks", share(ranks)}});
  root.add("errors", errors_of(runs));
  // Last, because it is long. Each run gives up its part, so that there is one copy of them.
  std::size_t length = 2;
  for (const RunReport& run : runs) length += run.json.size() + 2;
  std::string list = "[";
  list.reserve(length);
  for (RunReport& run : runs) {
    if (list.size() > 1) list += ", ";
    list += std::exchange(run.json, {});
  }
  root.add_text("runs", list += ']');
  return root.take() + "\n";
}

int exit_code_of(const std::vector<MapOutcome>& outcomes) {
  // The order is that of severity and not of the numbers: a run that can be resumed is milder than a failed
  // function.
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
    // One failed run makes the whole failed, whatever became of the others.
    if (!outcome.completed() && state != RunState::failed) state = outcome.state;
  return std::string(to_string(state));
}

}  // namespace mpipe::app
