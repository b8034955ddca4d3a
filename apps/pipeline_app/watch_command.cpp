// SPDX-License-Identifier: BSD-3-Clause
// `watch RUN`: waits for the end of a run and tells how it goes; `list-runs DIR`: the runs in a folder.
#include <mpipe/core/error.hpp>
#include <mpipe/folder/status.hpp>

#include "command.hpp"
#include "core/api/quantity.hpp"
#include "core/api/terminal_text.hpp"
#include "document/api/json_text.hpp"
#include "folder/api/stored_counts.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "run_folders.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <thread>

namespace mpipe::app {
namespace {

namespace fs = std::filesystem;

// What `watch` returns, for scripts.
constexpr int kCompleted = 0;
constexpr int kFailed = 1;
constexpr int kOutOfTime = 2;

struct WatchFlags {
  std::string run;
  bool json = false;
  std::string interval = "2s";
  std::string timeout;
};

bool goes_on(const RunStatus& status) {
  return status.state == RunState::pending || status.state == RunState::running;
}

std::string line_of(const std::string& run, const RunStatus& status) {
  std::string text =
      fmt::format("{}: {}, {:.1f} % done", run, to_string(status.state), 100 * status.progress_fraction());
  Index failed = 0;
  for (const OutputStatus& output : status.outputs) failed += output.failed;
  if (failed > 0) text += fmt::format(", {} failed", failed);
  if (goes_on(status) && status.eta_seconds)
    text += fmt::format(", {} left", duration_text(*status.eta_seconds));
  return text;
}

/// Of a run that is not there yet, or whose status cannot be read at this moment: nothing.
std::optional<RunStatus> look(const std::string& run, std::string& problem) {
  try {
    return read_stored_status(run);
  } catch (const Error& error) {
    problem = error.what();
    return std::nullopt;
  }
}

int watch(const WatchFlags& flags) {
  if (launched_rank() != 0) return 0;
  const Duration interval = parse_time(flags.interval);
  const SteadyClock clock;
  const TimePoint deadline =
      flags.timeout.empty() ? TimePoint::max() : clock.now() + parse_time(flags.timeout);
  std::string said;
  for (;;) {
    std::string problem;
    const std::optional<RunStatus> status = look(flags.run, problem);
    if (!status) {
      print_error(problem);
      return kFailed;
    }
    // A line for each change is enough: a log of a night would else repeat one of them thousands of times.
    const std::string line = line_of(flags.run, *status);
    if (!flags.json && line != said) say(without_controls(line) + "\n");
    said = line;
    if (!goes_on(*status)) {
      if (flags.json) print_result(to_json(*status));
      return status->state == RunState::completed && status->exit_code.value_or(0) == 0 ? kCompleted
                                                                                        : kFailed;
    }
    if (clock.now() >= deadline) {
      if (flags.json) print_result(to_json(*status));
      return kOutOfTime;
    }
    std::this_thread::sleep_for(std::min(interval, deadline - clock.now()));
  }
}

struct ListFlags {
  std::string folder;
  bool json = false;
};

/// The object of `status --json`, with the name of the run before its other members.
std::string with_name(const std::string& name, const RunStatus& status) {
  std::string text = to_json(status);
  text.erase(text.find_last_not_of('\n') + 1);
  return fmt::format("{{\"run\": {}, {}", json_string(name), text.substr(text.find('{') + 1));
}

int list_runs(const ListFlags& flags) {
  if (launched_rank() != 0) return 0;
  std::error_code error;
  if (!fs::is_directory(flags.folder, error))
    throw Error(Category::folder_refused,
                fmt::format("'{}' is no folder, so there are no runs in it. Give the folder above them.",
                            flags.folder));
  const std::vector<fs::path> runs = find_runs(flags.folder);
  Table table({"run", "state", "done", "exit code", "started"});
  std::vector<std::string> objects;
  for (const fs::path& run : runs) {
    std::string problem;
    const std::optional<RunStatus> status = look(run.string(), problem);
    const std::string name = run.lexically_relative(flags.folder).string();
    if (flags.json && status) objects.push_back(with_name(name, *status));
    if (!status)
      table.add({name, "unreadable", "", "", ""});
    else
      table.add({name, std::string(to_string(status->state)),
                 fmt::format("{:.1f} %", 100 * status->progress_fraction()),
                 status->exit_code ? std::to_string(*status->exit_code) : "", status->started});
  }
  if (flags.json)
    print_result(fmt::format("[{}]\n", fmt::join(objects, ",\n ")));
  else if (!table.empty())
    print_text(table.text());
  return 0;
}

}  // namespace

void add_watch_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<WatchFlags>();
  CLI::App* command = add_command(
      app, {CommandGroup::look, "watch", "Waits until a run has ended: 0 completed, 1 not, 2 out of time",
            "pipeline_app watch runs/sweep --timeout 10min"});
  command->add_option("RUN", flags->run, "The run folder")->required()->type_name("");
  command->add_option("--interval", flags->interval, "Between two looks at it: 2s")->type_name("TIME");
  command->add_option("--timeout", flags->timeout, "Wait at most so long: 90, 10min")->type_name("TIME");
  command->add_flag("--json", flags->json, "Print the status as one JSON object at the end");
  command->callback([flags, &program] { program.action = [flags] { return watch(*flags); }; });
}

void add_list_runs_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<ListFlags>();
  CLI::App* command =
      add_command(app, {CommandGroup::look, "list-runs", "Lists the runs in a folder and how they go",
                        "pipeline_app list-runs runs"});
  command->add_option("DIR", flags->folder, "The folder above the run folders")->required()->type_name("");
  command->add_flag("--json", flags->json, "Print a JSON list of objects");
  command->callback([flags, &program] { program.action = [flags] { return list_runs(*flags); }; });
}

}  // namespace mpipe::app
