// SPDX-License-Identifier: BSD-3-Clause
// Makes flags and their help from the table of options, and reads what was typed back by it.
#include "option_flags.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

namespace mpipe::app {
namespace {

/// The help of the table without its Markdown: `[text](link)` is the text, and words in backticks stand alone.
std::string plain_help(const OptionRow& row, std::string help) {
  for (std::size_t link = help.find("]("); link != std::string::npos; link = help.find("](")) {
    help.erase(link, help.find(')', link) - link + 1);
    help.erase(help.rfind('[', link), 1);
  }
  std::erase(help, '`');
  const std::string variable = row.variable();
  return variable.empty() ? help : fmt::format("{} [{}]", help, variable);
}

std::string type_name(const OptionRow& row) {
  const std::string value =
      row.words.empty() ? std::string(row.value) : fmt::format("{}", fmt::join(row.words, "|"));
  return row.per_output ? "[OUT=]" + value : value;
}

/// In a script whose variable is empty, `--run-folder $FOLDER --resume` would run in a folder named --resume.
void refuse_flag_as_value(const OptionRow& row, const std::string& value) {
  if (!value.starts_with("--")) return;
  throw Error(Category::bad_option,
              fmt::format("{} has no {}: the next flag, {}, stands in its place. Give it one.", row.flag(),
                          row.value.empty() ? "value" : row.value, value),
              {Subject::Kind::option, std::string(row.name)});
}

}  // namespace

CLI::Option* OptionFlags::add_to(CLI::App& command, std::string_view option, const std::string& help) {
  const OptionRow& row = option_row(option);
  const std::string text = plain_help(row, help.empty() ? row.flag_help() : help);
  if (row.type == OptionType::presence) return command.add_flag(row.flag(), given_[row.name], text);
  if (row.type == OptionType::names)
    return command.add_option(row.flag(), several_[row.name], text)->type_name(type_name(row));
  if (row.type == OptionType::list || row.per_output)
    // One value after each flag, so that what follows it is not taken for another one.
    return command.add_option(row.flag(), several_[row.name], text)
        ->type_name(type_name(row))
        ->allow_extra_args(false);
  return command.add_option(row.flag(), single_[row.name], text)->type_name(type_name(row));
}

void OptionFlags::add_all_to(CLI::App& command) {
  for (const OptionRow& row : option_table()) add_to(command, row.name)->group(std::string(row.group));
}

OptionValues OptionFlags::values() const {
  OptionValues values;
  for (const OptionRow& row : option_table()) say(row, values);
  return values;
}

void OptionFlags::say(const OptionRow& row, OptionValues& values) const {
  const auto given = given_.find(row.name);
  const auto single = single_.find(row.name);
  const auto several = several_.find(row.name);
  const bool is_flag_here = given != given_.end() || single != single_.end() || several != several_.end();
  // The variable is noted first, so that a flag goes over it; a list would not be gone over, but grow.
  // Variables of options that this command does not have are not read, and cannot stop it.
  const bool is_list_here = several != several_.end() && !several->second.empty() && !row.per_output;
  if (is_flag_here && !is_list_here && row.reach != OptionReach::flag)
    values.say_variable(row, std::getenv(row.variable().c_str()));
  if (given != given_.end() && given->second) values.say(row, "", {"true", row.flag()});
  if (single != single_.end() && single->second) {
    refuse_flag_as_value(row, *single->second);
    values.say(row, "", {*single->second, row.flag()});
  }
  if (several == several_.end()) return;
  for (const std::string& text : several->second) {
    refuse_flag_as_value(row, text);
    if (row.per_output)
      values.say_entries(row, text, row.flag());
    else
      values.add(row, {text, row.flag()});
  }
}

}  // namespace mpipe::app
