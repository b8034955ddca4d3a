// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How many elements the next block of a stage gets: guided self-scheduling, capped by measured time.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/index.hpp>

#include <limits>
#include <optional>

namespace mpipe {

struct BlockPolicyOptions {
  /// Every block has this many elements (the last one of a range fewer). At least 1.
  std::optional<Index> fixed_block = std::nullopt;
  /// No block is expected to take longer, unless a single element does. Some 20 to 50 times the cost of a
  /// message.
  Duration target_block = std::chrono::microseconds(100);
  /// No block has more than this many times the elements of the largest one that was measured. At least 2.
  Index growth = 8;
};

/// Block sizes of one stage, learnt from the blocks that are done.
///
/// size = min(remaining / (2 workers), target / mean element time, growth * largest measured block), at
/// least 1. The first term leaves enough for a balanced end; the second keeps the end of heavy-tailed work
/// short, and it is what matters when long elements come first; the third stops one odd probe from making a
/// giant block. As nothing was measured at first, the first blocks are single elements.
///
/// A block may cost something of its own, such as a process: it takes a + b n. Both are fitted to blocks of
/// different sizes; while all were single ones, two elements are tried now and then, unless the times of blocks
/// say that there is no such cost (none can be above the shortest time). Where 16 a is beyond the target, that
/// is the target.
///
/// Means are over the last dozen or two of blocks, weighted by their elements, so that they follow work that
/// changes along the index. Value type; no allocation; O(1).
class BlockPolicy {
 public:
  /// Throws `Bug` for options out of range.
  explicit BlockPolicy(const BlockPolicyOptions& options = {});

  /// A block of `elements` >= 1 took `busy` (below 0 counts as 0).
  void on_measured(Index elements, Duration busy);

  /// Elements of the next block. Preconditions: remaining >= 1, workers >= 1.
  Index size(Index remaining, Index workers) const;

  /// True once enough blocks were measured for decisions that hurt when the mean is far off: the first one
  /// that is done is the shortest of those that began together, and says little about the others.
  bool is_confident(Index workers) const;

  std::optional<Duration> element_time() const;
  /// Expected time of a block; empty until a block was measured.
  std::optional<Duration> expected(Index elements) const;
  /// How many elements are expected to be done within `limit`; 0 while nothing was measured.
  Index fitting(Duration limit) const;

  bool is_fixed() const { return fixed_block_.has_value(); }

 private:
  std::optional<Index> fixed_block_;
  double target_ns_;
  Index growth_;

  void fit();
  double block_ns() const;
  bool may_probe() const;

  Index measured_blocks_ = 0;
  // Sums over recent blocks, fading: how many, elements, busy time, and their products.
  double blocks_ = 0;
  double recent_elements_ = 0;
  double recent_ns_ = 0;
  double squares_ = 0;
  double products_ = 0;
  double shortest_ns_ = 0;  // of recent blocks
  double fixed_ns_ = 0;     // a
  double element_ns_ = 0;   // b
  double spread_ = 0;       // variance of sizes over the square of their mean
  Index since_probe_ = 0;   // single blocks since one of several elements
  Index probe_after_ = 4;
  Index time_cap_ = std::numeric_limits<Index>::max();
  Index growth_cap_ = 1;
};

}  // namespace mpipe
