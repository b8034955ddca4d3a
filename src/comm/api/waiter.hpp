// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Waiting that neither burns a core for long nor adds microseconds to short tasks.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/clock.hpp>

#include <algorithm>
#include <cstdint>

namespace mpipe {

/// Sleeps; a signal may end it early, which is what a signal wants.
void sleep_for(Duration duration);

/// Another way to sleep, for threads whose time is simulated.
class Sleeper {
 public:
  virtual void sleep(Duration duration) = 0;

 protected:
  ~Sleeper() = default;
};

/// While it lives, `sleep_for` of the thread that made it is that of `sleeper`, which must outlive this.
class ThreadSleeper {
 public:
  explicit ThreadSleeper(Sleeper& sleeper);
  ~ThreadSleeper();
  ThreadSleeper(const ThreadSleeper&) = delete;
  ThreadSleeper& operator=(const ThreadSleeper&) = delete;

 private:
  Sleeper* before_;
};

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
  bool looked() const { return polls_ % kPollsPerLook == 0 || sleeping(); }

  /// As `next_pause`, but short: data flows between this process and another while both poll.
  Duration next_short_pause() { return std::min<Duration>(next_pause(), kShortestPause); }

  /// As `idle`, for those who sleep in their own way: how long to pause now, zero to poll again at once.
  Duration next_pause() {
    // The clock is read at every 64th poll only: polls are cheaper than the clock.
    if (++polls_ % kPollsPerLook != 0 && !sleeping()) return Duration::zero();
    return look_at_clock();
  }

  /// How long nothing has happened, as of the last look at the clock.
  Duration waited() const { return waiting_ ? waited_ : Duration::zero(); }
  /// The limit of the options is over.
  bool expired() const { return options_.limit > Duration::zero() && waited() > options_.limit; }

  const WaitOptions& options() const { return options_; }

 private:
  static constexpr std::uint32_t kPollsPerLook = 64;
  static constexpr Duration kShortestPause = std::chrono::microseconds(20);
  static constexpr Duration kSpinTime = std::chrono::milliseconds(1);

  bool sleeping() const { return waiting_ && waited_ >= kSpinTime && options_.mode == WaitMode::backoff; }
  Duration look_at_clock();

  WaitOptions options_;
  std::uint32_t polls_ = 0;
  bool waiting_ = false;
  TimePoint since_{};
  Duration waited_{};
};

}  // namespace mpipe
