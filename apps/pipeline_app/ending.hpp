// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A run ends once: by itself, or by a signal that comes at the same moment.
#pragma once

#include <atomic>
#include <chrono>

namespace mpipe::app {

/// What rank 0 gets to write down how a run ended, before others end. Less than the second that mpirun
/// leaves.
inline constexpr auto kTimeForRank0 = std::chrono::milliseconds(700);

class Ending {
 public:
  /// True for the first who asks: the one who tells how the run ended.
  bool claim() { return !taken_.exchange(true); }
  /// As `claim`, but does not return when a signal was first: the process is about to end by it.
  void claim_or_end();

 private:
  std::atomic<bool> taken_{false};
};

}  // namespace mpipe::app
