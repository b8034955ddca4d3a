// SPDX-License-Identifier: BSD-3-Clause
// Reads the commands and their options back from the parser.
#include "command_tree.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe::app {
namespace {

constexpr const char* kGroupOfHelp = "Options";  // that of the parser for options that name none

bool takes_several(const CLI::Option& option) {
  return option.get_expected_max() > 1 && option.get_allow_extra_args();
}

OptionText argument_text(const CLI::Option& option) {
  OptionText text;
  text.argument = option.get_name(true);
  text.value = option.get_type_name().empty() ? text.argument : option.get_type_name();
  text.help = option.get_description();
  text.is_required = option.get_required();
  text.takes_several = takes_several(option);
  return text;
}

OptionText option_text(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  const bool has_value = option.get_type_size() != 0;
  if (has_value) text.value = option.get_type_name();
  text.help = option.get_description();
  text.is_required = option.get_required();
  text.takes_several = has_value && takes_several(option);
  for (const CLI::Option* other : option.get_excludes()) text.excludes.push_back(other->get_name());
  // The parser keeps them by address, which differs from start to start.
  std::sort(text.excludes.begin(), text.excludes.end());
  return text;
}

/// The group of that name, which is added where it is not there yet.
OptionGroupText& group_of(std::vector<OptionGroupText>& groups, const std::string& name) {
  const auto found =
      std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.name == name; });
  return found != groups.end() ? *found : groups.emplace_back(OptionGroupText{name, {}});
}

}  // namespace

CommandText command_text(const CLI::App& command) {
  CommandText text{
      command.get_name(), command.get_group(), command.get_description(), command.get_footer(), {}, {}};
  OptionGroupText rest{kGroupOfHelp, {}};
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    if (option->get_positional())
      text.arguments.push_back(argument_text(*option));
    else if (option->get_group() == kGroupOfHelp && option != command.get_help_ptr())
      rest.options.push_back(option_text(*option));
    else if (option != command.get_help_ptr())
      group_of(text.groups, option->get_group()).options.push_back(option_text(*option));
  }
  // Help is the last one: who reads this has found it.
  if (const CLI::Option* help = command.get_help_ptr()) rest.options.push_back(option_text(*help));
  if (!rest.options.empty()) text.groups.push_back(std::move(rest));
  return text;
}

ProgramText program_text(const CLI::App& app) {
  ProgramText text{command_text(app), {}};
  std::vector<std::string> groups;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_group().empty()) continue;  // hidden
    text.commands.push_back(command_text(*command));
    if (std::find(groups.begin(), groups.end(), command->get_group()) == groups.end())
      groups.push_back(command->get_group());
  }
  const auto place = [&](const CommandText& command) {
    return std::find(groups.begin(), groups.end(), command.group) - groups.begin();
  };
  std::stable_sort(
      text.commands.begin(), text.commands.end(),
      [&](const CommandText& one, const CommandText& other) { return place(one) < place(other); });
  return text;
}

std::string usage_text(const CommandText& command) {
  std::string text = command.name;
  for (const OptionText& argument : command.arguments) {
    const std::string name = argument.argument + (argument.takes_several ? ".." : "");
    text += argument.is_required ? " " + name : fmt::format(" [{}]", name);
  }
  return text;
}

std::string option_usage(const OptionText& option) {
  const std::string value = option.value + (option.takes_several ? ".." : "");
  if (option.names.empty()) return option.argument + (option.takes_several ? ".." : "");
  return fmt::format("{}{}{}", fmt::join(option.names, ", "), value.empty() ? "" : " ", value);
}

std::string option_help(const OptionText& option) {
  std::string text = option.help;
  if (option.is_required && !option.names.empty()) text += ". Required";
  if (!option.excludes.empty()) text += fmt::format(". Not with {}", fmt::join(option.excludes, ", "));
  return text;
}

}  // namespace mpipe::app
