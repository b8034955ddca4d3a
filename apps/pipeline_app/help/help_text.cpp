// SPDX-License-Identifier: BSD-3-Clause
// Lays out the pages of `--help`: names on the left, what they do on the right.
#include "help_text.hpp"

#include "command_tree.hpp"
#include "core/api/suggest.hpp"
#include "core/api/text.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace mpipe::app {
namespace {

constexpr std::size_t kMostColumns = 100;
constexpr std::size_t kLeastColumns = 50;
constexpr std::size_t kIndent = 2;
constexpr std::size_t kGap = 2;

/// `text` in lines of at most `columns` from the column `at` on; only the first of them is not indented.
std::string wrapped(std::string_view text, std::size_t at, std::size_t columns) {
  std::string lines;
  std::size_t column = at;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (column > at && column + 1 + word.size() > columns) {
      lines += "\n" + std::string(at, ' ');
      column = at;
    }
    if (column > at) lines += " ";
    lines += word;
    column += word.size() + (column > at ? 1 : 0);
  }
  return lines;
}

/// A name, and what it is, beginning at the column `right` of this line or of the next one.
std::string entry(const std::string& name, const std::string& help, std::size_t right, std::size_t columns) {
  std::string text = std::string(kIndent, ' ') + name;
  if (text.size() + kGap > right && !help.empty())
    text += "\n" + std::string(right, ' ');
  else
    text.resize(std::max(right, text.size()), ' ');
  return text + wrapped(help, right, columns) + "\n";
}

std::string options_text(const CommandText& command, std::size_t columns) {
  constexpr std::size_t kRight = 28;
  std::string text;
  if (!command.arguments.empty()) text += "\n";
  for (const OptionText& argument : command.arguments)
    text += entry(option_usage(argument), argument.help, kRight, columns);
  for (const OptionGroupText& group : command.groups) {
    text += fmt::format("\n{}:\n", group.name);
    for (const OptionText& option : group.options)
      text += entry(option_usage(option), option_help(option), kRight, columns);
  }
  return text;
}

std::string page_of_command(const CommandText& command, std::size_t columns) {
  std::string needed;
  for (const OptionGroupText& group : command.groups)
    for (const OptionText& option : group.options)
      if (option.is_required) needed += " " + option_usage(option);
  std::string text = fmt::format("{}.\n\nUsage: pipeline_app {}{} [OPTION..]\n",
                                 wrapped(command.help, 0, columns), usage_text(command), needed);
  text += options_text(command, columns);
  if (!command.example.empty()) text += fmt::format("\nExample:\n  {}\n", command.example);
  return text;
}

std::string page_of_program(const ProgramText& program, std::size_t columns) {
  std::size_t right = 0;
  for (const CommandText& command : program.commands)
    right = std::max(right, kIndent + usage_text(command).size() + kGap);
  std::string text = wrapped(program.program.help, 0, columns) + "\n\nUsage: pipeline_app COMMAND ..\n";
  std::string group;
  for (const CommandText& command : program.commands) {
    if (command.group != group) text += fmt::format("\n{}:\n", group = command.group);
    text += entry(usage_text(command), command.help, right, columns);
  }
  return text + options_text(program.program, columns) + "\n" + program.program.example;
}

}  // namespace

std::string help_text(const CLI::App& app) {
  // One column less, as many terminals go to the next line behind the last one.
  const auto room = static_cast<std::size_t>(std::max(stdout_width(), 1)) - 1;
  const std::size_t columns = std::clamp(room, kLeastColumns, kMostColumns);
  return app.get_parent() == nullptr ? page_of_program(program_text(app), columns)
                                     : page_of_command(command_text(app), columns);
}

std::string no_such_command(const CLI::App& app, const std::string& name) {
  std::vector<std::string> known;
  for (const CommandText& command : program_text(app).commands) known.push_back(command.name);
  return fmt::format("there is no command '{}'.{}", printable(name), did_you_mean(name, known));
}

}  // namespace mpipe::app
