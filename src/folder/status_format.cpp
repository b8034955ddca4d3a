// SPDX-License-Identifier: BSD-3-Clause
// Writes and parses status.json.
#include "folder/status_format.hpp"

#include "base/api/json_integer.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include <time.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace mpipe {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "mpipe-status";
constexpr int kVersion = 1;
/// In the order of `RunState`, whose values index this list.
constexpr std::array<std::string_view, 7> kStates{"pending", "running",   "drained", "completed",
                                                  "failed",  "cancelled", "stale"};

json text_or_null(const std::string& text) { return text.empty() ? json() : json(text); }
template <class T>
json value_or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}
std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

json to_json_value(const OutputStatus& output) {
  json shape = json::array();
  for (const auto& extent : output.shape) shape.push_back(value_or_null(extent));
  return {{"dims", output.dims},
          {"shape", shape},
          {"dtype", output.dtype},
          {"elements", value_or_null(output.elements)},
          {"done", output.done},
          {"failed", output.failed},
          {"blocked", output.blocked},
          {"in_memory", output.in_memory},
          {"pending", output.elements ? json(output.pending()) : json()},
          {"progress_fraction", output.fraction()}};
}

OutputStatus read_output(const std::string& name, const json& value) {
  OutputStatus output;
  output.name = name;
  output.dims = value.at("dims").get<std::vector<std::string>>();
  for (const json& extent : value.at("shape"))
    output.shape.push_back(extent.is_null() ? std::optional<Index>()
                                            : std::optional(detail::json_integer<Index>(extent)));
  output.dtype = value.at("dtype").get<std::string>();
  if (!value.at("elements").is_null()) output.elements = detail::json_integer<Index>(value.at("elements"));
  output.done = detail::json_integer<Index>(value.at("done"));
  output.failed = detail::json_integer<Index>(value.at("failed"));
  output.blocked = detail::json_integer<Index>(value.at("blocked"));
  output.in_memory = detail::json_integer<Index>(value.value("in_memory", json(0)));
  return output;
}

json to_json_value(const std::vector<FunctionTimes>& functions) {
  json object = json::object();
  for (const FunctionTimes& function : functions)
    object[function.name] = {{"calls", function.calls},
                             {"seconds", function.seconds},
                             {"mean_seconds", function.mean_seconds},
                             {"max_seconds", function.max_seconds}};
  return object;
}

std::vector<FunctionTimes> read_times(const json& object) {
  std::vector<FunctionTimes> functions;
  for (const auto& [name, value] : object.items())
    functions.push_back({name, detail::json_integer<Index>(value.at("calls")),
                         value.at("seconds").get<double>(), value.at("mean_seconds").get<double>(),
                         value.at("max_seconds").get<double>()});
  return functions;
}

RunState state_from(const std::string& text) {
  const auto found = std::find(kStates.begin(), kStates.end(), text);
  if (found == kStates.end()) throw std::invalid_argument("unknown state");
  return static_cast<RunState>(found - kStates.begin());
}

RunStatus read_fields(const json& root) {
  RunStatus status;
  status.state = state_from(root.at("state").get<std::string>());
  if (!root.at("exit_code").is_null()) status.exit_code = detail::json_integer<int>(root.at("exit_code"));
  status.message = text_of(root.at("message"));
  for (const json& name : root.at("order"))
    status.outputs.push_back(
        read_output(name.get<std::string>(), root.at("outputs").at(name.get<std::string>())));
  status.functions = read_times(root.value("functions", json::object()));
  status.slow = root.value("slow_elements", std::vector<std::string>());
  status.elements_per_second = root.at("elements_per_second").get<double>();
  if (!root.at("eta_seconds").is_null()) status.eta_seconds = root.at("eta_seconds").get<double>();
  status.ranks = detail::json_integer<int>(root.at("ranks"));
  status.owner.host = text_of(root.at("host"));
  status.owner.boot_id = root.value("boot_id", "");
  status.owner.pid_namespace = detail::json_integer<std::uint64_t>(root.value("pid_namespace", json(0)));
  status.owner.pid = detail::json_integer<std::int64_t>(root.at("pid"));
  status.owner.start_time = detail::json_integer<std::uint64_t>(root.at("process_start_time"));
  status.owner.job_id = text_of(root.at("slurm_job_id"));
  status.owner.job_restarts = detail::json_integer<std::int64_t>(root.at("slurm_restart_count"));
  status.started = text_of(root.at("started"));
  status.owner.since = status.started;
  status.heartbeat = text_of(root.at("heartbeat"));
  status.finished = text_of(root.at("finished"));
  return status;
}

}  // namespace

RunState end_state(Category category) {
  if (category == Category::drained) return RunState::drained;
  return category == Category::cancelled ? RunState::cancelled : RunState::failed;
}

std::string_view to_string(RunState state) { return kStates[static_cast<std::size_t>(state)]; }

/// An output without elements is complete, and one whose number of elements is unknown has not begun.
double OutputStatus::fraction() const {
  if (!elements) return 0;
  return *elements == 0 ? 1 : static_cast<double>(done + failed + blocked) / static_cast<double>(*elements);
}

double RunStatus::progress_fraction() const {
  if (state == RunState::completed) return 1;
  double done = 0;
  double total = 0;
  for (const OutputStatus& output : outputs) {
    // What is not known yet is expected to be of the size of one element, so that it is not forgotten.
    const Index elements = output.elements.value_or(1);
    total += static_cast<double>(elements);
    done += static_cast<double>(elements) * output.fraction();
  }
  return total == 0 ? 0 : std::min(1.0, done / total);
}

/// A run that goes on answers 75, the code by which batch scripts know that there is something left to do.
int RunStatus::script_exit_code() const {
  switch (state) {
    case RunState::pending:
    case RunState::running:
      return 75;
    case RunState::stale:
      return 5;
    case RunState::drained:
      return exit_code.value_or(75);
    case RunState::completed:
      return exit_code.value_or(0);
    case RunState::failed:
    case RunState::cancelled:
      return exit_code.value_or(1);
  }
  return 1;
}

std::string to_json(const RunStatus& status) {
  json outputs = json::object();
  json order = json::array();
  for (const OutputStatus& output : status.outputs) {
    outputs[output.name] = to_json_value(output);
    order.push_back(output.name);
  }
  const json root = {{"format", kFormat},
                     {"version", kVersion},
                     {"state", to_string(status.state)},
                     {"exit_code", value_or_null(status.exit_code)},
                     {"message", text_or_null(status.message)},
                     {"progress_fraction", status.progress_fraction()},
                     {"outputs", outputs},
                     {"order", order},
                     {"functions", to_json_value(status.functions)},
                     {"slow_elements", status.slow},
                     {"elements_per_second", status.elements_per_second},
                     {"eta_seconds", value_or_null(status.eta_seconds)},
                     {"ranks", status.ranks},
                     {"host", text_or_null(status.owner.host)},
                     {"boot_id", status.owner.boot_id},
                     {"pid_namespace", status.owner.pid_namespace},
                     {"pid", status.owner.pid},
                     {"process_start_time", status.owner.start_time},
                     {"slurm_job_id", text_or_null(status.owner.job_id)},
                     {"slurm_restart_count", status.owner.job_restarts},
                     {"started", text_or_null(status.started)},
                     {"heartbeat", text_or_null(status.heartbeat)},
                     {"finished", text_or_null(status.finished)},
                     {"heartbeat_age_seconds", status.heartbeat_age_seconds}};
  return root.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

namespace detail {

/// Never throws: a status that cannot be read is treated like one that is not there, and the caller finds out
/// from other files what is known.
std::optional<RunStatus> parse_status(const std::string& text) {
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object() || root.value("format", json()) != kFormat ||
      root.value("version", json()) != kVersion)
    return std::nullopt;
  try {
    return read_fields(root);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::string forget_memory(RunStatus& status) {
  std::string lost;
  for (OutputStatus& output : status.outputs) {
    const Index elements = std::exchange(output.in_memory, 0);
    output.done -= elements;
    if (elements > 0) lost += fmt::format("{}{} of '{}'", lost.empty() ? "" : ", ", elements, output.name);
  }
  return lost.empty() ? lost : fmt::format("Elements that were in memory only are lost: {}.", lost);
}

std::string utc_now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

std::optional<double> seconds_since(const std::string& time) {
  std::tm fields{};
  const char* end = strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::max(0.0, std::difftime(std::time(nullptr), timegm(&fields)));
}

}  // namespace detail
}  // namespace mpipe
