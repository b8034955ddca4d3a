// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What this process has been asked for by signals, where the processes that are forked from it see it, too.
#pragma once

#include <atomic>

namespace mpipe {

/// Set once and never taken back, by handlers of signals as well.
struct StopRequest {
  std::atomic<bool> drain = false;  ///< runs are to end in order
  std::atomic<bool> stop = false;   ///< calls are to end early: what a `StopToken` looks at
  static_assert(std::atomic<bool>::is_always_lock_free, "a handler of signals sets it");
};

/// One for this process and all that are forked from it, at the same address.
StopRequest& stop_request() noexcept;

}  // namespace mpipe
