// SPDX-License-Identifier: BSD-3-Clause
// Writes the completion for bash: tables made from the commands, and a driver that reads them.
#include "pages.hpp"
#include "value_kind.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace mpipe::app {
namespace {

constexpr const char* kHead = R"bash(# Completion of pipeline_app for bash 4.4 or newer.
# Made by `pipeline_app print-page bash`; see docs/contributing.md.

)bash";

// Names of a document are compared as text. They never go through `compgen -W`, which would expand them.
constexpr const char* kDriver = R"bash(
# Candidates, one a line, for a value of this kind.
_pipeline_app_values() {
  local program=$1 subject=$2 current=$3 kind=$4
  shift 4
  case $kind in
    words) printf '%s\n' "$@" ;;
    of-outputs)
      if [[ $current == *=* ]]; then
        (($# == 0)) || printf "${current%%=*}=%s\n" "$@"
      else
        (($# == 0)) || printf '%s\n' "$@"
        [[ -z $subject ]] || "$program" complete-names outputs "$subject" 2>/dev/null </dev/null | sed 's/$/=/'
      fi ;;
    outputs) [[ -z $subject ]] || "$program" complete-names outputs "$subject" 2>/dev/null </dev/null ;;
    inputs | axes) [[ -z $subject ]] || "$program" complete-names "$kind" "$subject" 2>/dev/null </dev/null | sed 's/$/=/' ;;
    files) compgen -f -- "$current" ;;
    folders) compgen -d -- "$current" ;;
    documents)
      compgen -d -- "$current"
      compgen -f -- "$current" | grep -E '\.(ya?ml|json)$' ;;
  esac
}

_pipeline_app() {
  local words=() word command='' subject='' option='' kind='' position=0 at
  # Bash takes = and : for words of their own; here they are parts of the words around them.
  for ((at = 1; at <= COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    if ((${#words[@]} > 0)) && [[ $word == [=:]* || ${words[-1]} == *[=:] ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  ((${#words[@]} > 0)) || words=('')
  local current=${words[-1]}
  unset 'words[-1]'
  for word in "${words[@]}"; do
    if [[ -z $command ]]; then
      [[ $word == -* ]] || command=$word
    elif [[ $word == -* ]]; then
      option=''
      [[ $word == *=* || -z $(_pipeline_app_kind "$command $word") ]] || option=$word
    elif [[ -n $option ]]; then
      # The value of an option; after one that takes several, what follows may be another one.
      [[ " $(_pipeline_app_lists) " == *" $command $option "* ]] || option=''
    else
      ((position += 1))
      [[ $position != 1 ]] || subject=$word
    fi
  done
  local head=''
  if [[ -z $command ]]; then
    kind="words $(_pipeline_app_commands) --help --version"
  elif [[ $current == --*=* ]]; then
    kind=$(_pipeline_app_kind "$command ${current%%=*}")
    head=${current%%=*}=
    current=${current#*=}
  elif [[ $current == -* ]]; then
    kind="words $(_pipeline_app_options "$command")"
  elif [[ -n $option ]]; then
    kind=$(_pipeline_app_kind "$command $option")
  else
    kind=$(_pipeline_app_kind "$command $((position + 1))")
    # The last argument of a command may stand for any number of them.
    [[ -n $kind ]] || kind=$(_pipeline_app_kind "$command ..")
  fi
  COMPREPLY=()
  [[ -n $kind ]] || return 0
  # What bash takes for words before this one is not repeated by what it puts in the place of this one.
  local whole=$head$current cut=''
  [[ $COMP_WORDBREAKS != *=* || $whole != *[=:]* ]] || cut=${whole%"${whole##*[=:]}"}
  local program=${COMP_WORDS[0]/#\~\//"$HOME"/} candidate kinds
  read -ra kinds <<<"$kind"
  while IFS= read -r candidate; do
    [[ $candidate == "$current"* ]] || continue
    candidate=$head$candidate
    COMPREPLY+=("${candidate#"$cut"}")
  done < <(_pipeline_app_values "$program" "${subject/#\~\//"$HOME"/}" "$current" "${kinds[@]}")
  case ${kinds[0]} in
    files | folders | documents) compopt -o filenames 2>/dev/null ;;
    *) [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null ;;
  esac
  return 0
}

complete -F _pipeline_app pipeline_app
)bash";

std::string names_of(const CommandText& command) {
  std::string names;
  for (const OptionGroupText& group : command.groups)
    for (const OptionText& option : group.options) names += " " + option.names.back();
  return names;
}

std::string kinds_of(const CommandText& command) {
  std::string lines;
  for (const OptionGroupText& group : command.groups)
    for (const OptionText& option : group.options)
      if (!option.value.empty())
        for (const std::string& name : option.names)
          lines += fmt::format("    '{} {}') echo '{}' ;;\n", command.name, name,
                               to_string(offered_value(option)));
  for (std::size_t k = 0; k < command.arguments.size(); ++k) {
    const OptionText& argument = command.arguments[k];
    const std::string place = argument.takes_several
                                  ? fmt::format("'{0} {1}' | '{0} ..'", command.name, k + 1)
                                  : fmt::format("'{} {}'", command.name, k + 1);
    lines += fmt::format("    {}) echo '{}' ;;\n", place, to_string(offered_value(argument)));
  }
  return lines;
}

std::string lists_of(const CommandText& command) {
  std::string names;
  for (const OptionGroupText& group : command.groups)
    for (const OptionText& option : group.options)
      if (option.takes_several) names += fmt::format(" {} {} ", command.name, option.names.back());
  return names;
}

}  // namespace

std::string bash_completion(const ProgramText& program) {
  std::string commands;
  std::string options;
  std::string kinds;
  std::string lists;
  for (const CommandText& command : program.commands) {
    commands += " " + command.name;
    options += fmt::format("    {}) echo '{}' ;;\n", command.name, names_of(command).substr(1));
    kinds += kinds_of(command);
    lists += lists_of(command);
  }
  std::string text = kHead;
  text += fmt::format("_pipeline_app_commands() {{ echo '{}'; }}\n\n", commands.substr(1));
  text += fmt::format("_pipeline_app_options() {{\n  case $1 in\n{}  esac\n}}\n\n", options);
  text += "# What an option of a command takes, and what stands in the place of its arguments.\n";
  text += fmt::format("_pipeline_app_kind() {{\n  case $1 in\n{}  esac\n}}\n\n", kinds);
  text += "# Options that take all values that follow them.\n";
  text += fmt::format("_pipeline_app_lists() {{ echo '{}'; }}\n", lists);
  return text + kDriver;
}

}  // namespace mpipe::app
