// SPDX-License-Identifier: BSD-3-Clause
// Chooses how many elements a block gets, by the time that the last blocks took.
#include "schedule/api/block_policy.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>

namespace mpipe {

namespace {

// What one more block leaves of the weight of those before it: a memory of 16 blocks.
constexpr double fading = 15.0 / 16.0;
constexpr Index confident_blocks = 16;
// A block shall take so many times what it costs by itself: some 6 % of the time goes into that.
constexpr double most_fixed_share = 16;
// One block of two among some 20 single ones.
constexpr double least_spread = 0.04;
constexpr Index least_fitted = 6;
constexpr Index longest_probe_pause = 4096;
// What a block costs is far below: elements that take longer are never doubled.
constexpr double longest_probed_ns = 1e9;
// Far above any real figure, far below overflow: quotients by a tiny mean end here.
constexpr double large = 1e18;

Index to_index(double count) { return static_cast<Index>(std::clamp(count, 0.0, large)); }

}  // namespace

BlockPolicy::BlockPolicy(const BlockPolicyOptions& options)
    : fixed_block_(options.fixed_block),
      target_ns_(static_cast<double>(options.target_block.count())),
      growth_(options.growth) {
  if (fixed_block_ && *fixed_block_ < 1) throw Bug("BlockPolicy: a fixed block needs at least 1 element");
  if (growth_ < 2) throw Bug("BlockPolicy: blocks that never grow (growth below 2)");
}

void BlockPolicy::on_measured(Index elements, Duration busy) {
  const double busy_ns = std::max(0.0, static_cast<double>(busy.count()));
  const auto count = static_cast<double>(elements);
  blocks_ = blocks_ * fading + 1;
  recent_elements_ = recent_elements_ * fading + count;
  recent_ns_ = recent_ns_ * fading + busy_ns;
  squares_ = squares_ * fading + count * count;
  products_ = products_ * fading + count * busy_ns;
  // A shorter time counts at once, and is forgotten as slowly as the sums are.
  shortest_ns_ = measured_blocks_ == 0 ? busy_ns : std::min(busy_ns, shortest_ns_ / fading);
  if (elements == 1) {
    ++since_probe_;
  } else {
    // Each trial that changes nothing makes the next one rarer.
    if (since_probe_ > 0) probe_after_ = std::min(2 * probe_after_, longest_probe_pause);
    since_probe_ = 0;
  }
  fit();
  // The cap never falls: a short block at the end of a range does not undo what a longer one has shown.
  growth_cap_ = std::max(growth_cap_, to_index(count * static_cast<double>(growth_)));
  ++measured_blocks_;
}

/// Splits the time of blocks into what each costs, and what each of its elements costs.
void BlockPolicy::fit() {
  const double mean_elements = recent_elements_ / blocks_;  // at least 1
  const double mean_ns = recent_ns_ / blocks_;
  const double variance = squares_ / blocks_ - mean_elements * mean_elements;
  spread_ = variance / (mean_elements * mean_elements);
  // Few blocks, and sizes that hardly differ, say nothing: then the cost of a block is what it was.
  if (spread_ > least_spread && measured_blocks_ >= least_fitted) {
    const double slope = (products_ / blocks_ - mean_elements * mean_ns) / variance;
    fixed_ns_ = mean_ns - std::clamp(slope, 0.0, mean_ns / mean_elements) * mean_elements;
  }
  fixed_ns_ = std::min(fixed_ns_, shortest_ns_);
  // Where it is of no weight, it is left out: blocks are sized as if there were none.
  const double fixed = block_ns();
  element_ns_ = (mean_ns - fixed) / mean_elements;
  const double limit = std::max(target_ns_, most_fixed_share * fixed);
  time_cap_ = element_ns_ > 0 ? to_index(limit / element_ns_) : std::numeric_limits<Index>::max();
}

double BlockPolicy::block_ns() const { return most_fixed_share * fixed_ns_ > target_ns_ ? fixed_ns_ : 0; }

/// Two elements may be tried where one takes longer than the target, to see whether that is the cost of a block.
bool BlockPolicy::may_probe() const {
  const double mean_ns = blocks_ > 0 ? recent_ns_ / blocks_ : 0;
  return since_probe_ >= probe_after_ && spread_ <= least_spread && mean_ns < longest_probed_ns &&
         shortest_ns_ > mean_ns / 8;
}

Index BlockPolicy::size(Index remaining, Index workers) const {
  if (fixed_block_) return std::min(*fixed_block_, remaining);
  const Index balanced = remaining / (2 * workers);
  const Index size = std::max<Index>(1, std::min({balanced, time_cap_, growth_cap_}));
  constexpr Index plenty = 8;
  return size == 1 && balanced >= plenty && may_probe() ? 2 : size;
}

bool BlockPolicy::is_confident(Index workers) const {
  return measured_blocks_ >= std::clamp<Index>(workers, 1, confident_blocks);
}

std::optional<Duration> BlockPolicy::element_time() const {
  if (measured_blocks_ == 0) return std::nullopt;
  return Duration(to_index(recent_ns_ / recent_elements_ + 0.5));
}

std::optional<Duration> BlockPolicy::expected(Index elements) const {
  if (measured_blocks_ == 0) return std::nullopt;
  return Duration(to_index(block_ns() + element_ns_ * static_cast<double>(elements) + 0.5));
}

Index BlockPolicy::fitting(Duration limit) const {
  if (measured_blocks_ == 0) return 0;
  const double left = static_cast<double>(limit.count()) - block_ns();
  if (left < 0) return 0;
  if (element_ns_ <= 0) return to_index(large);
  return to_index(left / element_ns_);
}

}  // namespace mpipe
