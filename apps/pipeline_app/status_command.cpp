// SPDX-License-Identifier: BSD-3-Clause
/// `status RUN`: how a run goes, from its files alone.
#include <mpipe/folder/status.hpp>

#include "command.hpp"
#include "folder/api/stored_counts.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "table.hpp"

#include <fmt/format.h>

namespace mpipe::app {
namespace {

struct StatusFlags {
  std::string run;
  bool json = false;
  bool exit_code = false;
};

std::string elements_text(const OutputStatus& output) {
  return output.elements ? fmt::format("{}", *output.elements) : "?";
}

std::string outputs_table(const RunStatus& status) {
  Table table({"output", "shape", "type", "elements", "done", "failed", "blocked", "pending"});
  for (const OutputStatus& output : status.outputs)
    table.add({output.name, to_string(output.shape), output.dtype, elements_text(output),
               fmt::format("{}", output.done), fmt::format("{}", output.failed),
               fmt::format("{}", output.blocked),
               output.elements ? fmt::format("{}", output.pending()) : "?"});
  return table.empty() ? std::string() : table.text("  ");
}

std::string status_text(const RunStatus& status) {
  std::string text =
      fmt::format("{}, {:.1f} % done", to_string(status.state), 100 * status.progress_fraction());
  // A rate of the past says little about a run that does not go on.
  if (status.state == RunState::running && status.elements_per_second > 0) {
    text += fmt::format(", {}", rate_text(status.elements_per_second));
    if (status.eta_seconds)
      text += fmt::format(", {} left", duration_text(*status.eta_seconds));
    else if (status.progress_fraction() >= 1)
      text += ", being stored";
  }
  if (status.exit_code) text += fmt::format(", exit code {}", *status.exit_code);
  text += "\n";
  if (!status.message.empty()) text += fmt::format("  {}\n", status.message);
  if (!status.owner.host.empty())
    text += fmt::format("  {}; rank 0 is {}\n", count_text(status.ranks, "rank"), describe(status.owner));
  if (!status.heartbeat.empty())
    text += fmt::format("  last sign of life {} ago\n", duration_text(status.heartbeat_age_seconds));
  for (const std::string& slow : status.slow)
    text += fmt::format("  slow: {}, far longer than those before it\n", slow);
  if (status.state == RunState::stale)
    text += liveness(status.owner) == Liveness::unknown
                ? "  it shows no sign of life, and cannot be asked from here; when you know that it is gone, "
                  "go on with "
                  "it by map --resume --take-over\n"
                : "  its process is gone; go on with it by map --resume\n";
  return text + outputs_table(status);
}

int run_status(const StatusFlags& flags) {
  if (launched_rank() != 0) return 0;
  const RunStatus status = read_stored_status(flags.run);
  if (flags.json)
    print_result(to_json(status));
  else
    print_text(status_text(status));
  // By default the code tells whether the status could be read; scripts may ask for that of the run.
  return flags.exit_code ? status.script_exit_code() : 0;
}

}  // namespace

void add_status_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = add_command(app, {CommandGroup::look, "status", "Tells how a run goes, or how it ended",
                                        "pipeline_app status runs/sweep"});
  command->add_option("RUN", flags->run, "The run folder")->required()->type_name("");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->add_flag(
      "--exit-code", flags->exit_code,
      "Return the exit code of the run; 75 while it is pending or running, 5 when its process is gone");
  command->callback([flags, &program] { program.action = [flags] { return run_status(*flags); }; });
}

}  // namespace mpipe::app
