// SPDX-License-Identifier: BSD-3-Clause
// Learns durations, and weighs them against the time that is left.
#include "run/drain_watch.hpp"

#include <mpipe/run/map.hpp>

#include "base/api/stop_request.hpp"

#include <algorithm>
#include <cmath>

namespace mpipe {
namespace {

// Of elements that begin last, one in twenty may end too late and be computed again. A larger share would redo more
// than it saves in ranks that wait, a smaller one the other way round: with lognormal durations (sigma 1) both are
// below 2 % of a day.
constexpr double kLateShare = 0.05;
constexpr Duration kLeastToStore = std::chrono::milliseconds(500);  // the end of a run without much to store
constexpr int kStepsPerOctave = 4;

std::size_t bucket_of(Duration duration) {
  const auto ns = static_cast<double>(std::max<std::int64_t>(duration.count(), 1));
  return static_cast<std::size_t>(std::ceil(kStepsPerOctave * std::log2(ns)));
}

}  // namespace

void request_drain() noexcept {
  stop_request().drain = true;
  stop_request().stop = true;
}
bool drain_requested() noexcept { return stop_request().drain; }

void DurationQuantile::add(Duration duration, std::int64_t calls) {
  buckets_[std::min(bucket_of(duration), kBuckets - 1)] += calls;
  calls_ += calls;
}

Duration DurationQuantile::above_all_but(double share) const {
  const auto wanted = static_cast<std::int64_t>(std::ceil((1 - share) * static_cast<double>(calls_)));
  std::int64_t below = 0;
  for (std::size_t bucket = 0; bucket < kBuckets && calls_ > 0; ++bucket) {
    below += buckets_[bucket];
    if (below >= wanted)
      return Duration(static_cast<std::int64_t>(std::exp2(static_cast<double>(bucket) / kStepsPerOctave)));
  }
  return Duration::zero();
}

void DrainWatch::on_block(std::uint32_t stage, std::int64_t elements, Duration busy) {
  if (deadline_ && elements > 0) elements_[stage].add(busy / elements, elements);
}

void DrainWatch::on_commit(Duration took) { longest_commit_ = std::max(longest_commit_, took); }

/// The last commit may have more to move than those before it.
Duration DrainWatch::time_to_store() const { return std::max(kLeastToStore, 2 * longest_commit_); }

std::optional<TimePoint> DrainWatch::stops_calls_at() const {
  if (!deadline_) return std::nullopt;
  return *deadline_ - time_to_store();
}

bool DrainWatch::is_due(TimePoint now) const {
  if (!deadline_) return false;
  Duration longest{};
  for (const auto& [stage, durations] : elements_)
    longest = std::max(longest, durations.above_all_but(kLateShare));
  return now + longest + time_to_store() >= *deadline_;
}

}  // namespace mpipe
