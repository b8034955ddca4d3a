// SPDX-License-Identifier: BSD-3-Clause
// Writes the manual page: every command with its options, and what all of them have in common.
#include <mpipe/core/version.hpp>

#include "pages.hpp"

#include <fmt/format.h>

#include <string_view>

namespace mpipe::app {
namespace {

constexpr const char* kHead = R"man(.\" Made by `pipeline_app print-page man`; see docs/contributing.md.
.TH PIPELINE_APP 1 "" "mpipe {}" "User Commands"
.\" Options and examples are neither stretched nor cut.
.nh
.ad l
.SH NAME
pipeline_app \- {}
.SH SYNOPSIS
.B pipeline_app
.I COMMAND
.RI [ OPTION ..]
.br
.B mpirun \-n
.I N
.B pipeline_app map
.I DOC
.RI [ OPTION ..]
.SH DESCRIPTION
A document in YAML names functions and their inputs; {} computes them, on all ranks of an MPI job, into
one HDF5 file that other commands look at. Results go to standard output, everything else to standard error.
)man";

constexpr const char* kTail = R"man(.SH EXIT STATUS
.TP
.B 0
Completed.
.TP
.B 1
A function failed: the run stopped, or is completed but for that.
.TP
.B 2
Usage, document or input error; nothing ran.
.TP
.B 3
The run folder refuses: there is a run already, another job has it, it does not match for \-\-resume.
.TP
.B 4
Storage error, or a broken promise found by
.BR verify .
.TP
.B 5
A rank was lost, or the program has a bug.
.TP
.B 75
Stopped in order before its \-\-deadline or by SIGUSR1, to be resumed; a run that is not finished.
.TP
.B 128+n
Killed by signal n.
.SH SIGNALS
SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGXCPU and SIGXFSZ end a
.B map
with all finished blocks stored: go on with \-\-resume. A second SIGINT ends it at once. SIGUSR1 lets what runs
end, stores all and exits with 75.
.SH ENVIRONMENT
Options whose help ends with a name in brackets take their value from that variable unless they are given; flags
take 1 or 0. An empty variable counts as not set.
.TP
.B NO_COLOR
When set to anything: no colours.
.TP
.B MPIPE_PLUGIN_PATH
Directories of plugins, separated by colons.
.SH SEE ALSO
.BR mpirun (1),
.BR h5dump (1)
)man";

/// Text between requests: nothing in it is one, and dashes can be copied into a shell.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  // A dot or an apostrophe at the beginning of a line would make it a request.
  return result.starts_with('.') || result.starts_with('\'') ? "\\&" + result : result;
}

std::string option_entry(const OptionText& option) {
  return fmt::format(".TP\n.B \"{}\"\n{}.\n", escaped(option_usage(option)), escaped(option_help(option)));
}

std::string command_section(const CommandText& command) {
  std::string text = fmt::format(".SS \"{}\"\n{}.\n", escaped(usage_text(command)), escaped(command.help));
  for (const OptionText& argument : command.arguments) text += option_entry(argument);
  const bool has_groups = command.groups.size() > 1;
  for (const OptionGroupText& group : command.groups) {
    std::string entries;
    for (const OptionText& option : group.options)
      if (option.names.back() != "--help") entries += option_entry(option);  // which every command has
    if (has_groups && !entries.empty()) text += fmt::format(".PP\n.I {}\n", escaped(group.name));
    text += entries;
  }
  return text + fmt::format(".PP\nExample:\n.PP\n.RS\n.nf\n{}\n.fi\n.RE\n", escaped(command.example));
}

}  // namespace

std::string manual_page(const ProgramText& program) {
  std::string text = fmt::format(kHead, version(),
                                 "pipelines of functions over parameter sweeps on MPI ranks", "\\fBmap\\fR");
  text += ".SH OPTIONS\n";
  for (const OptionGroupText& group : program.program.groups)
    for (const OptionText& option : group.options) text += option_entry(option);
  text += ".SH COMMANDS\n";
  for (const CommandText& command : program.commands) text += command_section(command);
  return text + kTail;
}

}  // namespace mpipe::app
