// SPDX-License-Identifier: BSD-3-Clause
// Takes sets of elements from one array to another, as boxes of positions rather than one by one.
#include "plan/api/carry.hpp"

#include "plan/selection.hpp"

#include <algorithm>

namespace mpipe {
namespace {

/// Adds the linear indices of a box: an interval of positions per axis. They go into a list, as they come in no order.
void add_ranges(const std::vector<IndexRange>& box, const Shape& shape, std::size_t axis, Index prefix,
                std::vector<IndexRange>& ranges) {
  // Behind the last axis that is not whole, everything is contiguous.
  std::size_t rest = axis;
  for (std::size_t k = axis; k < box.size(); ++k)
    if (box[k] != IndexRange{0, shape[k]}) rest = k;
  if (rest == axis) {
    const Index tail =
        element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()));
    const Index row = prefix * shape[axis];
    ranges.push_back({(row + box[axis].begin) * tail, (row + box[axis].end) * tail});
    return;
  }
  for (Index k = box[axis].begin; k < box[axis].end; ++k)
    add_ranges(box, shape, axis + 1, prefix * shape[axis] + k, ranges);
}

/// As `carry`, for a `to` whose first axis has a tie.
RangeSet carry_tied(const RangeSet& elements, const Shape& from, const Shape& to, const Ties& ties) {
  std::vector<IndexRange> ranges;
  std::vector<IndexRange> box(to.size());
  const auto add = [&](const Box& source) {
    for (std::size_t k = 0; k < to.size(); ++k) box[k] = {0, to[k]};
    // At most one axis of a box is neither whole nor a single position, so an axis that is tied twice gets
    // exactly the positions that both allow.
    for (const auto& [a, b] : ties)
      box[b] = {std::max(box[b].begin, source[a].first),
                std::min(box[b].end, source[a].first + source[a].count)};
    if (std::any_of(box.begin(), box.end(), [](const IndexRange& along) { return along.empty(); })) return;
    if (to.empty())
      ranges.push_back({0, 1});
    else
      add_ranges(box, to, 0, 0, ranges);
  };
  for (const IndexRange& range : elements.ranges()) for_each_box(range, from, add);
  // Boxes come in no order of their elements.
  return RangeSet::of(std::move(ranges));
}

}  // namespace

/// Along the first axes of `to`, up to one that has a tie, the elements are the same at each position. They are found
/// once and repeated in order: an axis of many failures in a product with a long one gives millions of ranges, and a list
/// of them that has to be sorted would take several times the memory of the set.
RangeSet carry(const RangeSet& elements, const Shape& from, const Shape& to, const Ties& ties) {
  std::size_t free = to.size();
  for (const auto& [unused, axis] : ties) free = std::min(free, axis);
  Ties inner = ties;
  for (auto& tie : inner) tie.second -= free;
  const auto first = to.begin() + static_cast<std::ptrdiff_t>(free);
  const Index repeats = element_count(Shape(to.begin(), first));
  const Shape rest(first, to.end());
  RangeSet pattern = carry_tied(elements, from, rest, inner);
  const Index period = element_count(rest);
  if (repeats == 1 || pattern.empty()) return pattern;
  if (pattern.contains(IndexRange{0, period})) return {{0, repeats * period}};
  RangeSet carried;
  for (Index k = 0; k < repeats; ++k)
    for (const IndexRange& range : pattern.ranges())
      carried.insert({k * period + range.begin, k * period + range.end});
  return carried;
}

}  // namespace mpipe
