// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The subcommands: each adds itself to the command line, and leaves what is to be done once that is parsed.
#pragma once

#include <CLI/App.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace mpipe::app {

struct Program {
  int& argc;
  char**& argv;
  /// Of the subcommand that was given; returns the exit code, or throws `Error`.
  std::function<int()> action = {};
};

/// Where a command stands in the help.
enum class CommandGroup : std::uint8_t { run, look, batch, start };

/// What the help says of a command; the manual and the completions are made from it, too.
struct CommandIntro {
  CommandGroup group;
  std::string name;
  std::string help;     ///< one line, without a full stop
  std::string example;  ///< one command line that works, which ends the command's own help
};

/// Adds a command without arguments and options; `app` owns it.
CLI::App* add_command(CLI::App& app, const CommandIntro& intro);

// All of these: `program` must outlive `app`.
void add_map_command(CLI::App& app, Program& program);
void add_merge_command(CLI::App& app, Program& program);
void add_run_command(CLI::App& app, Program& program);
void add_describe_command(CLI::App& app, Program& program);
void add_show_command(CLI::App& app, Program& program);
void add_export_command(CLI::App& app, Program& program);
void add_status_command(CLI::App& app, Program& program);
void add_report_command(CLI::App& app, Program& program);
void add_verify_command(CLI::App& app, Program& program);
void add_watch_command(CLI::App& app, Program& program);
void add_bench_command(CLI::App& app, Program& program);
void add_errors_command(CLI::App& app, Program& program);
void add_replay_command(CLI::App& app, Program& program);
void add_list_runs_command(CLI::App& app, Program& program);
void add_slurm_command(CLI::App& app, Program& program);
void add_init_command(CLI::App& app, Program& program);
void add_import_pipefunc_command(CLI::App& app, Program& program);
/// These tell of all others, and come last.
void add_help_command(CLI::App& app, Program& program);
void add_page_commands(CLI::App& app, Program& program);

}  // namespace mpipe::app
