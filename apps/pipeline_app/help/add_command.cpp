// SPDX-License-Identifier: BSD-3-Clause
// Adds commands to the parser, each with its group and its example.
#include "command.hpp"

namespace mpipe::app {
namespace {

const char* title_of(CommandGroup group) {
  switch (group) {
    case CommandGroup::run:
      return "Run";
    case CommandGroup::look:
      return "Look";
    case CommandGroup::batch:
      return "Batch systems";
    case CommandGroup::start:
      return "Start";
  }
  return "";
}

}  // namespace

CLI::App* add_command(CLI::App& app, const CommandIntro& intro) {
  CLI::App* command = app.add_subcommand(intro.name, intro.help);
  command->group(title_of(intro.group));
  command->footer(intro.example);
  return command;
}

}  // namespace mpipe::app
