// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The last words of a rank that a function ends.
#pragma once

#include <mpipe/core/error.hpp>

#include "base/api/fatal_signals.hpp"

#include <optional>
#include <string>

namespace mpipe {

/// While it lives, a function that crashes this process, or calls `exit` in it, has it say which element that was, of
/// which rank: a line on the standard error stream, and in `file` (made then, or appended to; empty: none). A crash
/// does afterwards what it does without; `exit` ends the process by the code of a lost rank, whatever the function
/// gave, as the run is not done. Of several at a time in a process the first one speaks. Made and ended by one thread.
class RankCrashReport {
 public:
  RankCrashReport(const ProcessPlace& place, const std::string& file);
  ~RankCrashReport();
  RankCrashReport(const RankCrashReport&) = delete;
  RankCrashReport& operator=(const RankCrashReport&) = delete;

 private:
  std::optional<FatalSignals> signals_;  ///< empty: another one speaks
};

/// Where another rank of the run has crashed, so that the file is there: adds a line for each thread of this process
/// that is in a function, with the element. For a rank that is told to end. Any thread.
void add_to_crash_report();

}  // namespace mpipe
