// SPDX-License-Identifier: BSD-3-Clause
// Splits the axes of an array into those that number its elements and those that lie inside each of them.
#include <mpipe/core/error.hpp>
#include <mpipe/data/array_layout.hpp>

#include <fmt/format.h>

#include <algorithm>

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

void ArrayLayout::check_limits(const std::string& name) const {
  constexpr std::size_t kMostAxes = 32;  // of an HDF5 dataset
  const auto refuse = [&](const std::string& problem) {
    throw Error(Category::too_large, fmt::format("'{}' {}", name, problem), {Subject::Kind::output, name});
  };
  if (axes.size() > kMostAxes)
    refuse(fmt::format("has {} axes, and an array has at most {} (no file could hold it). Use fewer axes.",
                       axes.size(), kMostAxes));
  // An extent that is not known, or is 0, must not hide that the others are too large.
  constexpr Index kMost = Index{1} << 62;
  Index count = 1;
  for (const auto& extent : shape) {
    const Index length = extent.value_or(1);
    if (length < 0 || length > kMost || (length > 0 && count > kMost / length))
      refuse(
          fmt::format("has the shape {}, which is more than 2^62 values (they could not be numbered). Use "
                      "smaller axes.",
                      to_string(shape)));
    count *= std::max<Index>(length, 1);
  }
}

}  // namespace mpipe
