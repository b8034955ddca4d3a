// SPDX-License-Identifier: BSD-3-Clause
// Splits the axes of an array into those that number its elements and those that lie inside each of them.
#include <mpipe/data/array_layout.hpp>

#include <fmt/format.h>

namespace mpipe {

PartialShape ArrayLayout::external_shape() const {
  PartialShape extents;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    if (external[axis]) extents.push_back(shape[axis]);
  return extents;
}

PartialShape ArrayLayout::internal_shape() const {
  PartialShape extents;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    if (!external[axis]) extents.push_back(shape[axis]);
  return extents;
}

void ArrayLayout::set_internal_shape(const PartialShape& internal) {
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    if (!external[axis]) shape[axis] = internal[next++];
}

/// Gives axes to an array whose rank was not known, which therefore has no axes so far: all of them lie
/// inside the one element, and their names are made up from that of the array.
void ArrayLayout::set_internal_rank(const std::string& name, std::size_t rank) {
  for (std::size_t axis = 0; axis < rank; ++axis) axes.push_back(fmt::format("{}_dim{}", name, axis));
  external.assign(rank, false);
  shape.assign(rank, std::nullopt);
  rank_known = true;
}

}  // namespace mpipe
