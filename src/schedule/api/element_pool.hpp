// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The elements of one stage that nobody works on.
#pragma once

#include <mpipe/core/index.hpp>

#include <vector>

namespace mpipe {

/// What is left of a set of elements from which ranges are taken and to which some come back. Memory goes
/// with the number of ranges, never of elements; `take` is O(1) and does not allocate. Value type.
class ElementPool {
 public:
  /// Adds elements that are not in the pool (not checked); those behind all others wait for their turn, others count
  /// as what came back. O(ranges of `elements`).
  void add(const RangeSet& elements);

  /// Takes the next range: at most `at_most` >= 1 elements, fewer where a gap comes first. What came back is
  /// taken before what was never out. Precondition: not empty.
  IndexRange take(Index at_most);

  /// Puts back what `take` gave, or a part of it.
  void give_back(IndexRange range);

  Index count() const { return count_; }
  bool empty() const { return count_ == 0; }

  /// All that is in the pool; O(ranges).
  RangeSet elements() const;

 private:
  std::vector<IndexRange> fresh_;  // from position_ on; the first of them is shortened as it is used up
  std::size_t position_ = 0;
  std::vector<IndexRange> returned_;  // a stack
  Index count_ = 0;
};

}  // namespace mpipe
