// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Waiting that neither burns a core for long nor adds microseconds to short tasks.
#pragma once

#include <mpipe/core/clock.hpp>

#include <algorithm>
#include <cstdint>

namespace mpipe {

enum class WaitMode {
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

/// Sleeps; a signal may end it early, which is what a signal wants.
void sleep_for(Duration duration);

/// The pause between polls that found nothing. The polling itself is the caller's:
///
///     while (!poll()) waiter.idle();
///     waiter.reset();
///
/// For about a millisecond `idle` returns at once (see also `WaitOptions::yields`): a
/// sleep of any length costs a task of a microsecond two hundred times its own duration. After that it sleeps
/// for a fiftieth of what it waited already, from 20 us up to 1 ms: an answer is late by at most some 2 % of
/// the wait. One thread owns a waiter.
class Waiter {
 public:
  explicit Waiter(WaitOptions options = {}) : options_(options) {}

  /// Something happened: the next wait starts anew.
  void reset() {
    polls_ = 0;
    waiting_ = false;
  }

  /// A poll found nothing; returns when the next is due. True now and then, and whenever it slept: time for
  /// what is to be done from time to time.
  bool idle() {
    const Duration pause = next_pause();
    if (pause > Duration::zero()) sleep_for(pause);
    return looked();
  }

  /// What `idle` returns.
  bool looked() const { return polls_ % polls_per_look == 0 || sleeping(); }

  /// As `next_pause`, but short: data flows between this process and another while both poll.
  Duration next_short_pause() { return std::min<Duration>(next_pause(), shortest_pause); }

  /// As `idle`, for those who sleep in their own way: how long to pause now, zero to poll again at once.
  Duration next_pause() {
    // The clock is read at every 64th poll only: polls are cheaper than the clock.
    if (++polls_ % polls_per_look != 0 && !sleeping()) return Duration::zero();
    return look_at_clock();
  }

  /// How long nothing has happened, as of the last look at the clock.
  Duration waited() const { return waiting_ ? waited_ : Duration::zero(); }
  /// The limit of the options is over.
  bool expired() const { return options_.limit > Duration::zero() && waited() > options_.limit; }

  const WaitOptions& options() const { return options_; }

 private:
  static constexpr std::uint32_t polls_per_look = 64;
  static constexpr Duration shortest_pause = std::chrono::microseconds(20);
  static constexpr Duration spin_time = std::chrono::milliseconds(1);

  bool sleeping() const { return waiting_ && waited_ >= spin_time && options_.mode == WaitMode::backoff; }
  Duration look_at_clock();

  WaitOptions options_;
  std::uint32_t polls_ = 0;
  bool waiting_ = false;
  TimePoint since_{};
  Duration waited_{};
};

}  // namespace mpipe
