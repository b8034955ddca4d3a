// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The commands of the program and their options as plain data, from which all help is made: the pages of
/// `--help`, the manual and the completions of shells. It is read from the parser, which knows every command.
#pragma once

#include <CLI/App.hpp>

#include <string>
#include <vector>

namespace mpipe::app {

/// An option, or an argument without a name of its own.
struct OptionText {
  std::vector<std::string> names;  ///< `-o`, `--output`; empty for arguments
  /// What stands for the value, which also says what it may be: `DIR`, `[OUT=]KIND`, `raise|continue`. Empty
  /// for flags. Of an argument it is its name, unless its values are said: `expr|command`.
  std::string value;
  std::string argument;  ///< the name of an argument: `DOC`
  std::string help;
  bool is_required = false;
  bool takes_several = false;         ///< several values may follow
  std::vector<std::string> excludes;  ///< options that cannot be given with this one
};

struct OptionGroupText {
  std::string name;
  std::vector<OptionText> options;
};

struct CommandText {
  std::string name;
  std::string group;
  std::string help;
  std::string example;  ///< a command line that works
  std::vector<OptionText> arguments;
  std::vector<OptionGroupText> groups;  ///< that of `--help` is the last one
};

struct ProgramText {
  CommandText program;  ///< its own options; `example` is what stands at the end of its help
  std::vector<CommandText> commands;
};

/// What the parser knows about a command, without what is hidden.
CommandText command_text(const CLI::App& command);
/// All commands that are not hidden, group by group.
ProgramText program_text(const CLI::App& app);

/// `map DOC`, `show RUN [OUTPUT..]`
std::string usage_text(const CommandText& command);
/// `--fixed AXIS=I`, `-o, --output FILE`, `NAME..`
std::string option_usage(const OptionText& option);
/// The help of an option, and what it does not go with.
std::string option_help(const OptionText& option);

}  // namespace mpipe::app
