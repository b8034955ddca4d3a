// SPDX-License-Identifier: BSD-3-Clause
// `report RUN -o FILE`: a page about a run, or about the runs of a document with `runs:`.
#include <mpipe/core/error.hpp>

#include "base/api/file.hpp"
#include "command.hpp"
#include "launch.hpp"
#include "output.hpp"
#include "report/page.hpp"
#include "store/api/run_description.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::app {
namespace {

struct ReportFlags {
  std::string run;
  std::string file;
  bool overwrite = false;
};

/// The folders right below that have a run, as those of a document with `runs:` do. Symbolic links are not followed.
std::vector<ReportedRun> runs_below(const fs::path& folder) {
  std::vector<ReportedRun> runs;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.is_directory(error) && !entry.is_symlink(error) &&
        fs::exists(entry.path() / kDescriptionName, error))
      runs.push_back({entry.path().filename().string(), entry.path()});
  std::sort(runs.begin(), runs.end(),
            [](const ReportedRun& a, const ReportedRun& b) { return a.name < b.name; });
  return runs;
}

/// The run in the folder, or else those right below it.
std::vector<ReportedRun> find_runs(const fs::path& folder, const std::string& title) {
  std::error_code error;
  const bool has_run =
      fs::exists(folder / kDescriptionName, error) || fs::exists(folder / kDescriptionCopyName, error);
  if (!has_run)
    if (std::vector<ReportedRun> runs = runs_below(folder); !runs.empty()) return runs;
  read_description(folder);  // says what is wrong when this is no run folder
  return {{title, folder}};
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
  const Report report = make_report(title, find_runs(flags.run, title));
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
