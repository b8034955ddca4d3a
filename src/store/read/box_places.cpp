// SPDX-License-Identifier: BSD-3-Clause
// Walks through the values of a box of an array.
#include "store/read/box_places.hpp"

#include <algorithm>

namespace mpipe {
namespace {

/// The next position in C order of the first `axes` axes of a box; false behind the last.
bool advance(MultiIndex& index, const IndexBox& box, std::size_t axes) {
  for (std::size_t axis = axes; axis-- > 0;) {
    if (++index[axis] < box.end[axis]) return true;
    index[axis] = box.begin[axis];
  }
  return false;
}

bool is_empty(const IndexBox& box) {
  const Shape shape = box.shape();
  return std::find(shape.begin(), shape.end(), 0) != shape.end();
}

}  // namespace

void for_each_range_of_box(const IndexBox& box, const Shape& shape,
                           const std::function<void(IndexRange)>& visit) {
  if (is_empty(box)) return;
  const Strides strides = c_strides(shape);
  // Behind this axis the box has all of the array, so that its positions on the axis are neighbours.
  std::size_t axis = shape.size();
  while (axis > 0 && box.begin[axis - 1] == 0 && box.end[axis - 1] == shape[axis - 1]) --axis;
  const std::size_t walked = axis == 0 ? 0 : axis - 1;
  const Index length =
      axis == 0 ? element_count(shape) : (box.end[walked] - box.begin[walked]) * strides[walked];
  MultiIndex index = box.begin;
  do {
    const Index first = linear_index(index, shape);
    visit({first, first + length});
  } while (advance(index, box, walked));
}

BoxPlaces::BoxPlaces(const ArrayLayout& layout, const IndexBox& box) {
  const Strides strides = c_strides(box.shape());
  for (std::size_t axis = 0; axis < layout.external.size(); ++axis) {
    Axes& axes = layout.external[axis] ? outer_ : inner_;
    axes.shape.push_back(layout.shape[axis].value());
    axes.box.begin.push_back(box.begin[axis]);
    axes.box.end.push_back(box.end[axis]);
    axes.strides.push_back(strides[axis]);
  }
}

RangeSet BoxPlaces::elements() const {
  std::vector<IndexRange> ranges;
  if (!is_empty(inner_.box))
    for_each_range_of_box(outer_.box, outer_.shape, [&](IndexRange range) { ranges.push_back(range); });
  return RangeSet::of(std::move(ranges));
}

void BoxPlaces::for_each_run(Index element, const std::function<void(const BoxRun&)>& visit) const {
  if (is_empty(inner_.box)) return;
  const MultiIndex at = multi_index(element, outer_.shape);
  Index base = 0;
  for (std::size_t axis = 0; axis < at.size(); ++axis)
    base += (at[axis] - outer_.box.begin[axis]) * outer_.strides[axis];
  if (inner_.shape.empty()) return visit({0, base, 1, 1});
  const std::size_t last = inner_.shape.size() - 1;
  MultiIndex index = inner_.box.begin;
  do {
    BoxRun run{linear_index(index, inner_.shape), base, inner_.strides[last],
               inner_.box.end[last] - inner_.box.begin[last]};
    for (std::size_t axis = 0; axis < last; ++axis)
      run.place += (index[axis] - inner_.box.begin[axis]) * inner_.strides[axis];
    visit(run);
  } while (advance(index, inner_.box, last));
}

}  // namespace mpipe
