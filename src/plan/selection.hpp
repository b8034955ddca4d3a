// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Elements that are selected by their positions along axes.
#pragma once

#include <mpipe/plan/plan.hpp>

#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace mpipe {

/// The selected positions along an axis of an array: `count` of them from `first` on, in steps of `step` (> 0).
struct Positions {
  Index first = 0;
  Index step = 1;
  Index count = 0;
};

/// The elements with these positions along each axis.
using Box = std::vector<Positions>;

/// All positions of an axis of `extent`.
Positions all_of(Index extent);
/// Those that `fixed` says; positions count as in Python. Throws `Error` (index_out_of_bounds) that names `axis`.
Positions positions_of(const std::variant<Index, Slice>& fixed, const std::string& axis, Index extent);

/// Adds the elements of a box in an array of `shape` to `elements`, as few ranges as there are.
void insert_box(const Box& box, const Shape& shape, RangeSet& elements);

/// Cuts a range of elements of an array of `shape` into boxes without steps, at most two for each axis, and calls
/// `take` with each of them. Precondition: the range lies within the array.
void for_each_box(IndexRange range, const Shape& shape, const std::function<void(const Box&)>& take);

/// Those of `elements` that are in part `shard.number`, when they are divided in their order into `shard.of` parts
/// of equal size (the first ones may have one more).
RangeSet part_of(const RangeSet& elements, const Shard& shard);

}  // namespace mpipe
