// SPDX-License-Identifier: BSD-3-Clause
// `report RUN -o FILE`: a page about a run, or about the runs of a document with `runs:`.
#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "command.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "report/page.hpp"
#include "run_folders.hpp"
#include "store/api/run_description.hpp"
#include "table.hpp"

#include <fmt/format.h>

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

/// Nothing is there, or a report, which a newer one may replace. What a link leads to is looked at, and replaced.
void check_target(const fs::path& file, bool overwrite) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) return;
  if (!fs::is_regular_file(status))
    throw Error(Category::bad_option,
                fmt::format("'{}' is no file, so a report cannot take its place. Name a file "
                            "after -o, such as report.html.",
                            file.string()));
  if (overwrite) return;
  const File there(file, File::Mode::read);
  std::string beginning(kReportBeginning.size(), '\0');
  beginning.resize(there.read_some_at(0, std::as_writable_bytes(std::span(beginning))));
  if (beginning != kReportBeginning)
    throw Error(Category::bad_option,
                fmt::format("'{}' is there, and is no report of pipeline_app (it would be lost). "
                            "Choose another name, or add --overwrite.",
                            file.string()));
}

int run_report(const ReportFlags& flags) {
  if (launched_rank() != 0) return 0;
  const fs::path file = resolve_path(flags.file);
  const fs::path folder = resolve_path(flags.run);
  check_target(file, flags.overwrite);
  const std::string title = folder.filename().string();
  const Report report = make_report(title, reported_runs(flags.run, title));
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
