// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A small process that outlives this one by a moment, to kill the programs that this one has started.
#pragma once

#include <sys/types.h>

namespace mpipe::detail {

/// Knows the process groups of the programs that run. When this process ends, be it by SIGKILL, the guard reads the
/// end of the pipe between them, kills those groups and ends itself. One per process, made with the first program.
///
/// Thread rule: any thread; `begin` is called by the new process itself before it becomes the program.
class ProcessGuard {
 public:
  /// Forks the guard. Throws `Error` (storage_failed) when there is no room for it.
  static ProcessGuard& instance();

  /// The group of process `leader` begins. Only writes to a descriptor: also between fork and exec.
  void begin(pid_t leader) const noexcept { tell(leader); }
  /// It has ended, and nobody waits for `leader` any more.
  void end(pid_t leader) const noexcept { tell(-leader); }

 private:
  ProcessGuard();
  void tell(pid_t message) const noexcept;

  int pipe_ = -1;  ///< closed by the end of this process, which is what tells the guard
};

}  // namespace mpipe::detail
