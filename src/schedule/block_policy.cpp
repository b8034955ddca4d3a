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
  recent_ns_ = recent_ns_ * fading + busy_ns;
  recent_elements_ = recent_elements_ * fading + static_cast<double>(elements);
  // The divisor is at least 1, because every block has an element.
  element_ns_ = recent_ns_ / recent_elements_;
  time_cap_ = element_ns_ > 0 ? to_index(target_ns_ / element_ns_) : std::numeric_limits<Index>::max();
  // The cap never falls: a short block at the end of a range does not undo what a longer one has shown.
  growth_cap_ = std::max(growth_cap_, to_index(static_cast<double>(elements) * static_cast<double>(growth_)));
  ++measured_blocks_;
}

Index BlockPolicy::size(Index remaining, Index workers) const {
  if (fixed_block_) return std::min(*fixed_block_, remaining);
  return std::max<Index>(1, std::min({remaining / (2 * workers), time_cap_, growth_cap_}));
}

bool BlockPolicy::is_confident(Index workers) const {
  return measured_blocks_ >= std::clamp<Index>(workers, 1, confident_blocks);
}

std::optional<Duration> BlockPolicy::element_time() const { return expected(1); }

std::optional<Duration> BlockPolicy::expected(Index elements) const {
  if (measured_blocks_ == 0) return std::nullopt;
  return Duration(to_index(element_ns_ * static_cast<double>(elements) + 0.5));
}

Index BlockPolicy::fitting(Duration limit) const {
  if (measured_blocks_ == 0) return 0;
  if (element_ns_ <= 0) return to_index(large);
  return to_index(static_cast<double>(limit.count()) / element_ns_);
}

}  // namespace mpipe
