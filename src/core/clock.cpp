// SPDX-License-Identifier: BSD-3-Clause
// The clock of the machine, and clocks that threads have instead of it.
#include <mpipe/core/clock.hpp>

#include <utility>

namespace mpipe {
namespace {

thread_local const Clock* clock_of_thread = nullptr;

}  // namespace

TimePoint SteadyClock::now() const {
  return clock_of_thread == nullptr ? std::chrono::steady_clock::now() : clock_of_thread->now();
}

ThreadClock::ThreadClock(const Clock& clock) : before_(std::exchange(clock_of_thread, &clock)) {}

/// The guards of a thread nest: each one gives back the clock that it found, so the last one that was made
/// has to go first, in the thread that made it.
ThreadClock::~ThreadClock() { clock_of_thread = before_; }

}  // namespace mpipe
