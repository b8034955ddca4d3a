// SPDX-License-Identifier: BSD-3-Clause
/// `errors RUN`: which elements of a run failed, and why.
#include <mpipe/folder/status.hpp>
#include <mpipe/store/run_reader.hpp>

#include "command.hpp"
#include "folder/api/failure_log.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "results/open_results.hpp"
#include "store/api/run_description.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace mpipe::app {
namespace {

using json = nlohmann::ordered_json;

struct ErrorsFlags {
  std::string run;
  bool json = false;
};

/// What is known of the elements that have failed and not been computed since.
struct RunErrors {
  Index failed = 0;  ///< marked so in the results, of all functions
  std::vector<LoggedFailure> known;
  std::string message;  ///< of the run as a whole, where it ended with one
};

/// The failed elements of each function are those of its first output.
Index count_failed(const RunReader& reader, const RunDescription& run) {
  Index failed = 0;
  for (const RunDescription::Function& function : run.functions)
    if (const auto output = reader.find(function.name)) failed += reader.progress(*output).failed().count();
  return failed;
}

RunErrors find_errors(const std::string& folder) {
  const RunReader reader = open_results(folder);
  const RunDescription run = read_description(folder);
  RunErrors errors{count_failed(reader, run), read_failures(folder), read_status(folder).message};
  std::erase_if(errors.known, [&](const LoggedFailure& failure) {
    const auto output = reader.find(failure.output);
    return !output ||
           reader.progress(*output).done().contains(IndexRange{failure.element, failure.element + 1});
  });
  std::stable_sort(
      errors.known.begin(), errors.known.end(), [&](const LoggedFailure& a, const LoggedFailure& b) {
        return std::pair(reader.find(a.output), a.element) < std::pair(reader.find(b.output), b.element);
      });
  return errors;
}

std::string place_of(const LoggedFailure& failure) {
  return failure.output + (failure.index.empty() ? "" : index_to_string(failure.index));
}

std::string replay_text(const std::string& folder, const LoggedFailure& failure) {
  std::string text = fmt::format("pipeline_app replay {} --output {}", folder, failure.output);
  if (!failure.index.empty()) text += fmt::format(" --index {}", fmt::join(failure.index, ","));
  return text;
}

std::string errors_text(const std::string& folder, const RunErrors& errors) {
  std::string text = fmt::format("{} failed\n", count_text(errors.failed, "element"));
  for (const LoggedFailure& failure : errors.known)
    text +=
        fmt::format("  {}: {} ({}; called with {}; on rank {}, {}, at {})\n", place_of(failure),
                    failure.message, failure.type, failure.arguments.empty() ? "nothing" : failure.arguments,
                    failure.rank, failure.host, failure.time);
  if (const Index more = errors.failed - static_cast<Index>(errors.known.size()); more > 0)
    text += fmt::format("  of {} only the mark is kept\n", count_text(more, "more element"));
  if (!errors.message.empty()) text += fmt::format("The run says: {}\n", errors.message);
  if (!errors.known.empty())
    text += fmt::format("Call one of them again by '{}'.\n", replay_text(folder, errors.known.front()));
  return text;
}

std::string errors_json(const std::string& folder, const RunErrors& errors) {
  json list = json::array();
  for (const LoggedFailure& failure : errors.known)
    list.push_back(
        {{"output", failure.output},
         {"index", failure.index},
         {"message", failure.message},
         {"type", failure.type},
         {"arguments", failure.arguments},
         {"rank", failure.rank},
         {"host", failure.host},
         {"time", failure.time},
         {"random", {{"seed", failure.seed}, {"output", failure.output}, {"element", failure.element}}}});
  return json{
             {"run_folder", folder}, {"failed", errors.failed}, {"message", errors.message}, {"errors", list}}
             .dump(-1, ' ', false, json::error_handler_t::replace) +
         "\n";
}

int run_errors(const ErrorsFlags& flags) {
  if (launched_rank() != 0) return 0;
  const RunErrors errors = find_errors(flags.run);
  if (flags.json)
    print_result(errors_json(flags.run, errors));
  else
    print_text(errors_text(flags.run, errors));
  return 0;
}

}  // namespace

void add_errors_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<ErrorsFlags>();
  CLI::App* command =
      add_command(app, {CommandGroup::look, "errors", "Tells which elements of a run failed, and why",
                        "pipeline_app errors runs/sweep"});
  command->add_option("RUN", flags->run, "The run folder")->required()->type_name("");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &program] { program.action = [flags] { return run_errors(*flags); }; });
}

}  // namespace mpipe::app
