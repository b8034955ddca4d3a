// SPDX-License-Identifier: BSD-3-Clause
// Writes the completion for fish: a line for each command, option and argument.
#include "pages.hpp"
#include "value_kind.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

namespace mpipe::app {
namespace {

constexpr const char* kHead = R"fish(# Completion of pipeline_app for fish.
# Made by `pipeline_app print-page fish`; see docs/contributing.md.

# Names of the document or run that is the first argument of the command, which is the third word.
function __pipeline_app_names
    set -l words (commandline -opc)
    set -q words[3]; or return
    # A document or a folder of a run: an option is neither.
    string match -q -- '-*' $words[3]; and return
    $words[1] complete-names $argv[1] $words[3] 2>/dev/null </dev/null
end

function __pipeline_app_assignments
    __pipeline_app_names $argv[1] | string replace -r '$' '='
end

# A value, or OUTPUT=VALUE.
function __pipeline_app_of_output
    printf '%s\n' $argv
    for name in (__pipeline_app_names outputs)
        printf "$name=%s\n" $argv
    end
end

function __pipeline_app_documents
    __fish_complete_path (commandline -ct) | string match -r '^[^\t]*(?:/|\.ya?ml|\.json)(?:\t.*)?$'
end

# Whether the first argument of a command is typed, or a later one.
function __pipeline_app_argument
    test (count (commandline -opc)) $argv[1] 2
end

complete -c pipeline_app -f
)fish";

std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result += (c == '\'' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return result + "'";
}

/// What offers the values, as arguments of `complete`; empty where nothing does.
std::string source_of(const OfferedValue& value) {
  if (value.per_output)
    return fmt::format(" -a '(__pipeline_app_of_output {})'", fmt::join(value.words, " "));
  switch (value.kind) {
    case ValueKind::words:
      return fmt::format(" -a '{}'", fmt::join(value.words, " "));
    case ValueKind::files:
      return " -a '(__fish_complete_path (commandline -ct))'";
    case ValueKind::folders:
      return " -a '(__fish_complete_directories)'";
    case ValueKind::documents:
      return " -a '(__pipeline_app_documents)'";
    case ValueKind::outputs:
      return " -a '(__pipeline_app_names outputs)'";
    case ValueKind::inputs:
      return " -a '(__pipeline_app_assignments inputs)'";
    case ValueKind::axes:
      return " -a '(__pipeline_app_assignments axes)'";
    case ValueKind::anything:
      break;
  }
  return {};
}

/// `-s o -l output`
std::string flags_of(const OptionText& option) {
  std::string text;
  for (const std::string& name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  return text;
}

std::string command_lines(const CommandText& command) {
  const std::string start = "complete -c pipeline_app -n '__fish_seen_subcommand_from " + command.name + "'";
  std::string text = "\n";
  for (const OptionGroupText& group : command.groups)
    for (const OptionText& option : group.options)
      text += fmt::format("{}{}{} -d {}\n", start, flags_of(option),
                          option.value.empty() ? "" : " -x" + source_of(offered_value(option)),
                          in_quotes(option.help));
  for (std::size_t k = 0; k < command.arguments.size(); ++k) {
    const OptionText& argument = command.arguments[k];
    const std::string source = source_of(offered_value(argument));
    // Where there is one argument only, it may also stand behind options.
    const char* const place = command.arguments.size() == 1 ? ""
                              : k == 0                      ? "; and __pipeline_app_argument -eq"
                                                            : "; and __pipeline_app_argument -gt";
    if (!source.empty())
      text += fmt::format("complete -c pipeline_app -n '__fish_seen_subcommand_from {}{}'{} -d {}\n",
                          command.name, place, source, in_quotes(argument.help));
  }
  return text;
}

}  // namespace

std::string fish_completion(const ProgramText& program) {
  std::string text = kHead;
  for (const OptionGroupText& group : program.program.groups)
    for (const OptionText& option : group.options)
      text += fmt::format("complete -c pipeline_app -n __fish_use_subcommand{} -d {}\n", flags_of(option),
                          in_quotes(option.help));
  for (const CommandText& command : program.commands)
    text += fmt::format("complete -c pipeline_app -n __fish_use_subcommand -a {} -d {}\n", command.name,
                        in_quotes(command.help));
  for (const CommandText& command : program.commands) text += command_lines(command);
  return text;
}

}  // namespace mpipe::app
