// SPDX-License-Identifier: BSD-3-Clause
// pipeline_app: pipelines of functions over parameter sweeps, from the command line.
#include <mpipe/core/error.hpp>
#include <mpipe/core/version.hpp>

#include "command.hpp"
#include "core/api/suggest.hpp"
#include "core/api/text.hpp"
#include "help/command_tree.hpp"
#include "help/help_text.hpp"
#include "launch.hpp"
#include "output.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace {

using namespace mpipe;
using namespace mpipe::app;

constexpr int kUsage = 2;
constexpr int kInternal = 5;

constexpr const char* kExitCodes =
    "Exit codes: 0 completed; 1 a function failed; 2 usage, document or input error (nothing ran);\n"
    "3 the run folder refuses; 4 storage error, or a broken promise found by verify; 5 a rank was lost;\n"
    "75 not finished, resumable; 128+n signal n. 'pipeline_app COMMAND --help' tells more of a command.\n";

void build(CLI::App& app, Program& program) {
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("pipeline_app {}", version()), "Print the version and end");
  app.formatter_fn(
      [](const CLI::App* shown, const std::string&, CLI::AppFormatMode) { return help_text(*shown); });
  app.set_help_flag("-h,--help", "Print this and end");
  add_map_command(app, program);
  add_merge_command(app, program);
  add_run_command(app, program);
  add_describe_command(app, program);
  add_show_command(app, program);
  add_export_command(app, program);
  add_status_command(app, program);
  add_report_command(app, program);
  add_verify_command(app, program);
  add_watch_command(app, program);
  add_list_runs_command(app, program);
  add_bench_command(app, program);
  add_errors_command(app, program);
  add_replay_command(app, program);
  add_slurm_command(app, program);
  add_init_command(app, program);
  add_import_pipefunc_command(app, program);
  add_help_command(app, program);
  add_page_commands(app, program);
  app.footer(kExitCodes);  // the last step: commands would take it for their own
}

/// An option that took the next flag for its value, as the parser lets it: what follows that flag is left over.
std::string swallowed_flag_text(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options())
    for (const std::string& value : option->results())
      if (value.starts_with("--") && !option->get_positional())
        return fmt::format(
            "{} has no {}: the next flag, {}, stands in its place. Give it one.", option->get_name(),
            option->get_type_name().empty() ? "value" : option->get_type_name(), printable(value));
  return {};
}

/// What of the command line was not expected, and what could have been meant; empty where all was.
std::string unexpected_text(CLI::App& app) {
  const std::vector<std::string> unexpected = app.remaining(true);
  if (unexpected.empty()) return {};
  // The option is the mistake, where there is one: the parser took what follows it for something else.
  const auto option = std::find_if(unexpected.begin(), unexpected.end(),
                                   [](const std::string& text) { return text.starts_with('-'); });
  const auto given = app.get_subcommands();
  if (std::string swallowed = given.empty() ? "" : swallowed_flag_text(*given.front()); !swallowed.empty())
    return swallowed;
  if (option == unexpected.end())
    return given.empty() ? no_such_command(app, unexpected.front())
                         : fmt::format("'{}' is one argument too many.", printable(unexpected.front()));
  const std::string name = option->substr(0, option->find('='));
  std::vector<std::string> known;
  for (const OptionGroupText& group : command_text(given.empty() ? app : *given.front()).groups)
    for (const OptionText& each : group.options)
      known.insert(known.end(), each.names.begin(), each.names.end());
  return fmt::format("there is no option '{}'.{}", printable(name), did_you_mean(name, known));
}

int usage_error(CLI::App& app, const CLI::ParseError& problem) {
  if (launched_rank() != 0) return 0;
  // The parser throws for these, too.
  if (problem.get_exit_code() == 0) {  // --help, --version
    std::ostringstream text;
    app.exit(problem, text, text);
    print_result(text.str());
    return 0;
  }
  // The parser may miss what a misspelt option would have given: the misspelt name says more.
  std::string text = unexpected_text(app);
  if (text.empty()) text = problem.what();
  if (!text.ends_with('.') && !text.ends_with('?')) text += '.';
  const auto given = app.get_subcommands();
  print_error(fmt::format("{} See pipeline_app {}--help.", text,
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
