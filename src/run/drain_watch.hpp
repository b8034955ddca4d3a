// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// When a run stops to hand out work, so that all is stored before its time is over.
#pragma once

#include <mpipe/core/clock.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>

namespace mpipe {

/// How long calls take, from those that have ended. Buckets of a quarter of an octave: a quantile is right to 19 %,
/// on its safe side, whatever the number of calls.
class DurationQuantile {
 public:
  void add(Duration duration, std::int64_t calls);
  /// The time within which all but `share` of the calls have ended. Zero before the first one.
  Duration above_all_but(double share) const;

 private:
  static constexpr std::size_t kBuckets = 256;  // of nanoseconds: from one to beyond 2^63
  std::array<std::int64_t, kBuckets> buckets_{};
  std::int64_t calls_ = 0;
};

/// Somebody called `request_drain`.
bool drain_requested() noexcept;

/// Learns how long elements and commits take, and tells when it is time. Pure: it is told what time it is.
class DrainWatch {
 public:
  explicit DrainWatch(std::optional<TimePoint> deadline) : deadline_(deadline) {}

  /// Other stages begin: nothing is known of how long their elements take.
  void on_wave() { elements_.clear(); }
  /// A block of `stage` with so many elements took so long.
  void on_block(std::uint32_t stage, std::int64_t elements, Duration busy);
  void on_commit(Duration took);
  /// What begins now would not be stored in time: no more work is handed out. Where nothing is known of durations,
  /// work begins until the time for storing comes: how long it takes shows with the first ones.
  bool is_due(TimePoint now) const;
  /// When calls that can be told to stop are told; empty without a deadline. Later than `is_due`: what may yet end
  /// in time goes on.
  std::optional<TimePoint> stops_calls_at() const;

 private:
  Duration time_to_store() const;

  std::optional<TimePoint> deadline_;
  std::map<std::uint32_t, DurationQuantile> elements_;  ///< by stage
  Duration longest_commit_{};
};

}  // namespace mpipe
