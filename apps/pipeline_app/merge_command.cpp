// SPDX-License-Identifier: BSD-3-Clause
// `merge RUN.. --into RUN`: joins the parts of a sweep into one run.
#include <mpipe/core/error.hpp>

#include "command.hpp"
#include "folder/api/run_folder.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "store/api/merge_runs.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

namespace mpipe::app {
namespace {

namespace fs = std::filesystem;

struct MergeFlags {
  std::vector<std::string> runs;
  std::string into;
  bool resume = false;
  bool overwrite = false;
};

void require_other_folder(const MergeFlags& flags) {
  for (const std::string& run : flags.runs) {
    std::error_code ignored;
    if (!fs::equivalent(run, flags.into, ignored)) continue;
    throw Error(
        Category::bad_option,
        fmt::format("--into {}: this is one of the runs to be merged, which stay as they are. Name another "
                    "folder.",
                    flags.into));
  }
}

/// Nothing where the number of elements shows only when others have been computed.
std::optional<Index> elements_of(const OutputLayout& layout) {
  if (!layout.rank_known || !is_known(layout.external_shape())) return std::nullopt;
  return element_count(known_shape(layout.external_shape()));
}

/// The merged run ends as one that computed the same: what is missing waits for a resume.
RunStatus status_of(const std::vector<MergedOutput>& outputs) {
  RunStatus status;
  bool is_complete = true;
  Index failed = 0;
  for (const auto& [layout, states, added] : outputs) {
    OutputStatus output;
    output.name = layout.name;
    output.dims = layout.axes;
    output.shape = layout.shape;
    output.dtype = layout.type->dtype();
    output.elements = elements_of(layout);
    output.done = states.done().count();
    output.failed = states.failed().count();
    output.blocked = states.blocked().count();
    is_complete = is_complete && output.elements && output.pending() == 0;
    failed += output.failed;
    status.outputs.push_back(std::move(output));
  }
  status.state = is_complete ? RunState::completed : RunState::drained;
  status.exit_code = !is_complete ? exit_code(Category::drained)
                     : failed > 0 ? exit_code(Category::function_raised)
                                  : 0;
  if (!is_complete)
    status.message = "merged from other runs, and not all of it has been computed: go on by --resume.";
  return status;
}

std::string summary(const MergeFlags& flags, const std::vector<MergedOutput>& outputs,
                    const RunStatus& status) {
  Index added = 0;
  std::vector<std::string> missing;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    added += outputs[k].added;
    const OutputStatus& output = status.outputs[k];
    if (output.elements && output.pending() == 0) continue;
    missing.push_back(output.elements
                          ? fmt::format("{} ({})", output.name, count_text(output.pending(), "element"))
                          : output.name);
  }
  std::string text =
      fmt::format("merged {} into {}: {}\n", count_text(static_cast<Index>(flags.runs.size()), "run"),
                  flags.into, count_text(added, "element"));
  if (!missing.empty())
    text += fmt::format("still to be computed, by map --run-folder {} --resume: {}\n", flags.into,
                        fmt::join(missing, ", "));
  return text;
}

int run_merge(const MergeFlags& flags, const Program& program) {
  if (launched_rank() != 0) return 0;
  require_other_folder(flags);
  // One that goes on would be merged as it is at this moment, and the rest of it be computed twice.
  for (const std::string& run : flags.runs) require_ended(run);
  const std::vector<fs::path> runs(flags.runs.begin(), flags.runs.end());
  // All that can be refused is refused before the folder is touched, where an older run may be.
  const RunDescription merged = describe_merged(runs, command_line_text(program.argc, program.argv));
  RunFolder folder =
      flags.resume ? RunFolder::resume(flags.into) : RunFolder::create(flags.into, flags.overwrite);
  try {
    const std::vector<MergedOutput> outputs = merge_runs(runs, merged, folder.path(), folder.has_run());
    const RunStatus status = status_of(outputs);
    write_last_status(folder, status);
    print_result(summary(flags, outputs, status));
  } catch (...) {
    folder.abandon();  // but for a run that was there before
    throw;
  }
  return 0;
}

}  // namespace

void add_merge_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<MergeFlags>();
  CLI::App* command =
      add_command(app, {CommandGroup::run, "merge", "Joins parts of one sweep (map --shard) into one run",
                        "pipeline_app merge runs/part1 runs/part2 --into runs/all"});
  command->add_option("RUN", flags->runs, "The run folders of the parts; they stay as they are")
      ->required()
      ->type_name("");
  command->add_option("--into", flags->into, "The run folder that gets everything")
      ->required()
      ->type_name("DIR");
  CLI::Option* resume =
      command->add_flag("--resume", flags->resume, "Add to the run that is in that folder, if there is one");
  command->add_flag("--overwrite", flags->overwrite, "Replace the run that is in that folder")
      ->excludes(resume);
  command->callback(
      [flags, &program] { program.action = [flags, &program] { return run_merge(*flags, program); }; });
}

}  // namespace mpipe::app
