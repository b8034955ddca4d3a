// SPDX-License-Identifier: BSD-3-Clause
// Waiting with growing pauses, and the environment variables that say how to wait.
#include "comm/api/waiter.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace mpipe {

namespace {

constexpr Duration kLongestPause = std::chrono::milliseconds(1);
constexpr int kWaitsPerPause = 50;

WaitMode parse_mode(std::string_view text) {
  if (text == "spin") return WaitMode::spin;
  if (text == "backoff") return WaitMode::backoff;
  throw Error(
      Category::bad_option,
      fmt::format("MPIPE_WAIT is '{}' (it says how ranks wait for each other). Set it to 'backoff', or to "
                  "'spin' where every rank has a core of its own.",
                  text));
}

Duration parse_limit(std::string_view text) {
  double limit_s = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit_s);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !std::isfinite(limit_s) || limit_s < 0 || limit_s > 1e9) {
    throw Error(
        Category::bad_option,
        fmt::format("MPIPE_WAIT_LIMIT is '{}' (it says for how many seconds a rank waits for another that "
                    "gives no sign of life). Set it to a number from 0 (for ever) to 1e9.",
                    text));
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(limit_s));
}

}  // namespace

WaitOptions wait_options_from_environment() {
  WaitOptions options;
  if (const char* mode = std::getenv("MPIPE_WAIT")) options.mode = parse_mode(mode);
  if (const char* limit = std::getenv("MPIPE_WAIT_LIMIT")) options.limit = parse_limit(limit);
  return options;
}

/// The pause grows with the time waited so far, so that a wait is prolonged by a small part of its length
/// only, and a long one leaves the core to others.
Duration Waiter::look_at_clock() {
  const TimePoint now = SteadyClock().now();
  if (!waiting_) {
    waiting_ = true;
    since_ = now;
  }
  waited_ = now - since_;
  if (!sleeping()) {
    if (options_.yields && options_.mode == WaitMode::backoff) sched_yield();
    return Duration::zero();
  }
  return std::clamp<Duration>(waited_ / kWaitsPerPause, kShortestPause, kLongestPause);
}

namespace {

thread_local Sleeper* sleeper_of_thread = nullptr;

}  // namespace

ThreadSleeper::ThreadSleeper(Sleeper& sleeper) : before_(std::exchange(sleeper_of_thread, &sleeper)) {}

/// Sleepers nest, so each of them puts back the one that it replaced.
ThreadSleeper::~ThreadSleeper() { sleeper_of_thread = before_; }

void sleep_for(Duration duration) {
  if (sleeper_of_thread != nullptr) return sleeper_of_thread->sleep(duration);
  constexpr std::int64_t second = 1'000'000'000;
  const timespec request{duration.count() / second, duration.count() % second};
  nanosleep(&request, nullptr);
}

}  // namespace mpipe
