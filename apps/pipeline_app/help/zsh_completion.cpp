// SPDX-License-Identifier: BSD-3-Clause
// Writes the completion for zsh: for each command what its options and arguments are, and functions that offer values.
#include "pages.hpp"
#include "value_kind.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

namespace mpipe::app {
namespace {

constexpr const char* kHead = R"zsh(#compdef pipeline_app
# Completion of pipeline_app for zsh.
# Made by `pipeline_app print-page zsh`; see docs/contributing.md.

# Names of the document or run that is the first argument of the command.
_pipeline_app_names() {
  local -a names
  local subject=${${(Q)line[1]}/#\~\//$HOME/}
  [[ -n $subject ]] || return 1
  names=(${(f)"$($_pipeline_app_program complete-names $1 $subject 2>/dev/null </dev/null)"})
  if [[ $1 == outputs && $2 != '=' ]]; then
    compadd -a names
  else
    compadd -S = -q -a names
  fi
}

# A value, or OUTPUT=VALUE.
_pipeline_app_of_output() {
  if compset -P '*='; then
    compadd -- "$@"
  else
    compadd -- "$@"
    _pipeline_app_names outputs =
  fi
}

_pipeline_app_documents() { _files -g '*.(yaml|yml|json)' }

)zsh";

/// Inside of single quotes; `special` are the letters that mean something else where the text stands.
std::string escaped(std::string_view text, std::string_view special) {
  std::string result;
  for (const char c : text) {
    if (c == '\'')
      result += "'\\''";
    else if (special.find(c) != std::string_view::npos)
      result += std::string("\\") + c;
    else
      result += c;
  }
  return result;
}

/// What offers the values, as the last part of a specification.
std::string action_of(const OfferedValue& value) {
  if (value.per_output) return fmt::format("{{_pipeline_app_of_output {}}}", fmt::join(value.words, " "));
  switch (value.kind) {
    case ValueKind::words:
      return fmt::format("({})", fmt::join(value.words, " "));
    case ValueKind::files:
      return "_files";
    case ValueKind::folders:
      return "_files -/";
    case ValueKind::documents:
      return "_pipeline_app_documents";
    case ValueKind::outputs:
      return "{_pipeline_app_names outputs}";
    case ValueKind::inputs:
      return "{_pipeline_app_names inputs}";
    case ValueKind::axes:
      return "{_pipeline_app_names axes}";
    case ValueKind::anything:
      break;
  }
  return " ";
}

std::string option_line(const OptionText& option) {
  std::string excludes;
  for (const std::string& other : option.excludes) excludes += " " + other;
  std::string text;
  for (const std::string& name : option.names) {
    // A star: options with values may be given again; which of them may is said by their help.
    text += fmt::format("        '{}", option.value.empty() ? "" : "*");
    if (option.value.empty() && !excludes.empty()) text += fmt::format("({})", excludes.substr(1));
    text += fmt::format("{}[{}]", name, escaped(option.help, "[]\\"));
    if (!option.value.empty())
      text += fmt::format("{}:{}:{}", option.takes_several ? ":*-*" : "", escaped(option.value, ":"),
                          action_of(offered_value(option)));
    text += "' \\\n";
  }
  return text;
}

std::string argument_line(const OptionText& argument, std::size_t place) {
  const std::string position = argument.takes_several ? "*" : std::to_string(place);
  return fmt::format("        '{}:{}{}:{}' \\\n", position, argument.is_required ? "" : ":",
                     argument.argument, action_of(offered_value(argument)));
}

std::string command_case(const CommandText& command) {
  std::string text = fmt::format("    {})\n      _arguments \\\n", command.name);
  for (const OptionGroupText& group : command.groups)
    for (const OptionText& option : group.options) text += option_line(option);
  for (std::size_t k = 0; k < command.arguments.size(); ++k)
    text += argument_line(command.arguments[k], k + 1);
  text.erase(text.rfind(" \\\n"));
  return text + " ;;\n";
}

}  // namespace

std::string zsh_completion(const ProgramText& program) {
  std::string text = kHead;
  text +=
      "_pipeline_app() {\n  local curcontext=$curcontext state line\n  local "
      "_pipeline_app_program=${words[1]/#\\~\\//$HOME/}\n";
  text += "  typeset -A opt_args\n  local -a commands=(\n";
  for (const CommandText& command : program.commands)
    text += fmt::format("    '{}:{}'\n", command.name, escaped(command.help, ""));
  text += "  )\n  _arguments -C \\\n";
  for (const OptionGroupText& group : program.program.groups)
    for (const OptionText& option : group.options) text += option_line(option).substr(4);
  text += "    '1:command:->command' '*::argument:->argument'\n";
  text += "  case $state in\n  command) _describe command commands ;;\n  argument)\n    case $words[1] in\n";
  for (const CommandText& command : program.commands) text += command_case(command);
  return text + "    esac ;;\n  esac\n}\n\n_pipeline_app \"$@\"\n";
}

}  // namespace mpipe::app
