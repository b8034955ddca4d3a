// SPDX-License-Identifier: BSD-3-Clause
// `report RUN -o FILE`: a page about a run, or about the runs of a document with `runs:`.
#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "command.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "report/page.hpp"
#include "results/open_results.hpp"
#include "run_folders.hpp"
#include "store/api/run_description.hpp"
#include "table.hpp"
#include "target_file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::app {
namespace {

struct ReportFlags {
  std::string run;
  std::string file;
  bool overwrite = false;
};

/// The run in the folder, or else those below it, by their ways from there.
std::vector<ReportedRun> reported_runs(const fs::path& folder, const std::string& name) {
  std::vector<ReportedRun> runs;
  for (const fs::path& run : find_runs(folder))
    runs.push_back({run == folder ? name : run.lexically_relative(folder).string(), run});
  if (!runs.empty()) return runs;
  // This says what is wrong when it is no run folder, and lets one pass that has but the copy of its description.
  read_description(folder);
  return {{name, folder}};
}

/// A report may replace an earlier one, and with `overwrite` any other file, but for those of the runs.
void check_target(const fs::path& file, const std::vector<ReportedRun>& runs, bool overwrite) {
  const bool in_run = std::any_of(
      runs.begin(), runs.end(), [&](const ReportedRun& run) { return is_within(run.folder.string(), file); });
  if (overwrite && !in_run) return require_regular(file, "report");
  require_replaceable(
      file, kReportBeginning, "report",
      in_run ? "Choose a name outside of the run folder." : "Choose another name, or add --overwrite.");
}

int run_report(const ReportFlags& flags) {
  if (launched_rank() != 0) return 0;
  const fs::path file = resolve_path(flags.file);
  const fs::path folder = resolve_path(flags.run);
  const std::string title = folder.filename().string();
  const std::vector<ReportedRun> runs = reported_runs(flags.run, title);
  check_target(file, runs, flags.overwrite);
  const Report report = make_report(title, runs);
  write_file_atomically(file, report.html, false);
  for (const std::string& problem : report.problems) print_error(problem);
  print_note(fmt::format("{}: {}", flags.file, bytes_text(report.html.size())));
  return report.problems.empty() ? 0 : exit_code(Category::storage_failed);
}

}  // namespace

void add_report_command(CLI::App& app, Program& program) {
  const auto flags = std::make_shared<ReportFlags>();
  CLI::App* command = add_command(
      app, {CommandGroup::look, "report", "Writes a page about a run, complete or not, for a browser",
            "pipeline_app report runs/sweep -o sweep.html"});
  command
      ->add_option("RUN", flags->run, "The run folder, or the folder of the runs of a document with 'runs'")
      ->required()
      ->type_name("");
  command
      ->add_option("-o", flags->file, "The file to write, such as report.html; an earlier report is replaced")
      ->required()
      ->type_name("FILE");
  command->add_flag("--overwrite", flags->overwrite, "Replace a file that is no report, too");
  command->callback([flags, &program] { program.action = [flags] { return run_report(*flags); }; });
}

}  // namespace mpipe::app
