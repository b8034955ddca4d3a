// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Time as a value. Only `run`, `exec` and programs read a clock; everything else is told what time it is.
#pragma once

#include <chrono>

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
