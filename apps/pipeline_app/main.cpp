// SPDX-License-Identifier: BSD-3-Clause
// pipeline_app: pipelines of functions over parameter sweeps, from the command line.
#include <mpipe/core/error.hpp>
#include <mpipe/core/version.hpp>

#include "command.hpp"
#include "core/api/suggest.hpp"
#include "launch.hpp"
#include "not_supported.hpp"
#include "output.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace {

using namespace mpipe;
using namespace mpipe::app;

constexpr int kUsage = 2;
constexpr int kInternal = 5;

constexpr const char* kFooter =
    "Exit codes: 0 completed; 1 a function failed; 2 usage, document or input error (nothing ran); 3 the run "
    "folder refuses;\n"
    "4 storage error, or a broken promise found by verify; 5 a rank was lost; 75 not finished, resumable; "
    "128+n signal n.\n"
    "SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGXCPU and SIGXFSZ end a map with all finished blocks stored: go on "
    "with --resume.\n"
    "A second SIGINT ends it at once. SIGUSR1 lets what runs end, stores all and exits with 75.";

void build(CLI::App& app, Program& program) {
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("pipeline_app {}", version()));
  app.footer(kFooter);
  add_map_command(app, program);
  add_merge_command(app, program);
  add_run_command(app, program);
  add_describe_command(app, program);
  add_show_command(app, program);
  add_status_command(app, program);
  add_report_command(app, program);
  add_verify_command(app, program);
  add_watch_command(app, program);
  add_list_runs_command(app, program);
  add_errors_command(app, program);
  add_replay_command(app, program);
  add_slurm_command(app, program);
  add_init_command(app, program);
  add_import_pipefunc_command(app, program);
  add_unsupported_commands(app, {"export", "bench"});
}

/// What could have been meant instead of the first argument that was not expected.
std::string suggestion(CLI::App& app) {
  const std::vector<std::string> unexpected = app.remaining(true);
  if (unexpected.empty()) return {};
  std::vector<std::string> known;
  const auto given = app.get_subcommands();
  if (given.empty())
    for (const CLI::App* command : app.get_subcommands({})) known.push_back(command->get_name());
  for (const CLI::App* command : given)
    for (const CLI::Option* option : command->get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  return did_you_mean(unexpected.front(), known);
}

int usage_error(CLI::App& app, const CLI::ParseError& problem) {
  if (launched_rank() != 0) return 0;
  // The parser throws for these, too.
  if (problem.get_exit_code() == 0) return app.exit(problem);  // --help, --version
  std::string text = problem.what();
  if (!text.ends_with('.')) text += '.';
  const auto given = app.get_subcommands();
  print_error(fmt::format("{}{} See pipeline_app {}--help.", text, suggestion(app),
                          given.empty() ? "" : given.front()->get_name() + " "));
  return kUsage;
}

int run_program(int argc, char** argv) {
  CLI::App app(
      "Runs pipelines of functions over N-dimensional parameter sweeps on MPI ranks, into one HDF5 file.",
      "pipeline_app");
  Program program{argc, argv};
  build(app, program);
  try {
    // Parsing only chooses the action. It runs outside of the handler below, so that what it throws is not
    // taken for a usage error.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return usage_error(app, problem);
  }
  return program.action();
}

}  // namespace

int main(int argc, char** argv) {
  // This comes before any file is opened: a file that got the number of a closed standard stream would
  // receive what is printed.
  mpipe::app::secure_streams();
  std::string problem;
  int code = kInternal;
  try {
    return run_program(argc, argv);
  } catch (const mpipe::Error& error) {
    problem = error.what();
    code = mpipe::exit_code(error.category());
  } catch (const std::exception& error) {
    problem = std::string("internal error: ") + error.what() + " (this should not happen; please report it).";
  }
  // Ranks come here alike, before MPI has started: one of them speaks. A launcher ends all ranks, and loses
  // their last words, when one of the others returns an error first.
  if (mpipe::app::launched_rank() != 0) return 0;
  mpipe::app::print_error(problem);
  return code;
}
