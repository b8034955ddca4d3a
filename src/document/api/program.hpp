// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Runs a program and waits for it: its words are handed over as they are, without a shell.
#pragma once

#include <mpipe/core/clock.hpp>

#include "base/api/file.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace mpipe::detail {

/// What is started. Texts have no NUL in them.
struct ProgramCall {
  std::vector<std::string> words;        ///< the path of the program, then its arguments
  std::vector<std::string> environment;  ///< `NAME=value`, all that the program sees
  std::string folder;                    ///< in which it runs
  std::string input;                     ///< its standard input; empty: /dev/null
  Duration time{};                       ///< that it may take; zero: any
  std::uint64_t memory = 0;              ///< address space of each process, in bytes; 0: any
};

/// How it ended, and what it said.
struct ProgramEnd {
  enum class How : std::uint8_t { exited, signalled, out_of_time, said_too_much };
  How how = How::exited;
  int number = 0;      ///< the exit code, or the signal
  std::string output;  ///< standard output
  std::string errors;  ///< the end of standard error
};

/// Starts the program in a process group of its own and waits until it has ended. At the end of its time the group
/// gets SIGTERM, and SIGKILL some seconds later; what the program leaves running in its group is killed in any case,
/// also when this process is killed (see `ProcessGuard`). Thread rule: any thread, several at once.
///
/// Throws `Error`: bad_option where the program cannot be started (it is not there, or not executable), and
/// storage_failed where this process has no descriptors or memory left.
ProgramEnd run_program(const ProgramCall& call, const Clock& clock);

/// Where a program named in a document is: a name without a slash is searched in PATH, others are relative to
/// `folder`. Throws `Error` (bad_document) when there is no such executable file.
std::string find_program(const std::string& name, const fs::path& folder);

}  // namespace mpipe::detail
