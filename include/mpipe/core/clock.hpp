// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Time as a value. What plans and schedules is told what time it is; what waits or measures (`comm`,
/// `isolation`, `exec`, `futures`, `folder`, `run`, `launch` and the programs) reads a `Clock`.
#pragma once

// Durations, clocks and their literals, without the streams and time zones that <chrono> brings along: a
// quarter of the time that a program that includes mpipe would take to compile.
#include <mutex>

namespace mpipe {

using Duration = std::chrono::nanoseconds;
/// A moment of some monotonic clock; only differences mean anything.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// Where the time comes from. Implementations may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SteadyClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace mpipe
