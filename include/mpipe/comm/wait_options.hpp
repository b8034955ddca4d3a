// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How ranks and threads wait for each other.
#pragma once

#include <mpipe/core/clock.hpp>

#include <cstdint>

namespace mpipe {

enum class WaitMode : std::uint8_t {
  spin,     ///< poll without pause: the shortest answer, one core
  backoff,  ///< poll for a millisecond, then sleep between polls
};

/// How to wait for other ranks and threads.
struct WaitOptions {
  WaitMode mode = WaitMode::backoff;
  /// A wait that sees nothing happen for this long gives up with an `Error` (rank_lost); zero: never.
  Duration limit = Duration::zero();
  /// With `backoff`: let others have the core between polls. For waits for ranks that may need this very
  /// core, as in collective calls; the one who hands out work keeps its core, or others take it for
  /// milliseconds.
  bool yields = false;
};

/// `MPIPE_WAIT` (`spin` or `backoff`) and `MPIPE_WAIT_LIMIT` (seconds), where they are set. Throws `Error`
/// (bad_option) for other values.
WaitOptions wait_options_from_environment();

}  // namespace mpipe
