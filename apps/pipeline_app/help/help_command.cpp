// SPDX-License-Identifier: BSD-3-Clause
// `help COMMAND`: the page that `COMMAND --help` prints.
#include <mpipe/core/error.hpp>

#include "command.hpp"
#include "command_tree.hpp"
#include "help_text.hpp"
#include "launch.hpp"
#include "output.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <string>
#include <vector>

namespace mpipe::app {
namespace {

int print_help(const CLI::App& app, const std::string& name) {
  if (launched_rank() != 0) return 0;
  if (name.empty()) {
    print_result(help_text(app));
    return 0;
  }
  const auto found = app.get_subcommands(
      [&](const CLI::App* command) { return command->get_name() == name && !command->get_group().empty(); });
  if (found.empty())
    throw Error(Category::bad_option, fmt::format("{} See pipeline_app --help.", no_such_command(app, name)));
  print_result(help_text(*found.front()));
  return 0;
}

}  // namespace

void add_help_command(CLI::App& app, Program& program) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command = add_command(
      app, {CommandGroup::start, "help", "Prints the help of a command", "pipeline_app help map"});
  std::vector<std::string> known;
  for (const CommandText& each : program_text(app).commands) known.push_back(each.name);
  command->add_option("COMMAND", *name, "The command; the program unless given")
      ->type_name(fmt::format("{}", fmt::join(known, "|")));
  command->callback(
      [name, &app, &program] { program.action = [name, &app] { return print_help(app, *name); }; });
}

}  // namespace mpipe::app
