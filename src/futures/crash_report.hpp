// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The last words of a worker that crashes: which task did it.
#pragma once

#include <mpipe/futures/task.hpp>

#include "base/api/fatal_signals.hpp"
#include "comm/api/transport.hpp"

namespace mpipe::detail {

/// The end of what `note_running` noted.
void note_idle();

/// While it lives, a fatal signal writes one line to the standard error stream, with the task that was noted
/// last, and then does what it did before. One per process counts: the last that was made.
class CrashReport {
 public:
  explicit CrashReport(const ProcessPlace& place);
  ~CrashReport();
  CrashReport(const CrashReport&) = delete;
  CrashReport& operator=(const CrashReport&) = delete;

 private:
  FatalSignals signals_;
};

}  // namespace mpipe::detail
