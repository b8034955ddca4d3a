// SPDX-License-Identifier: BSD-3-Clause
// Numbers values in element order and in file order, and translates between the two.
#include "store/output/element_order.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>
#include <utility>

namespace mpipe {
namespace {

/// Cuts [begin, end) of a C-order array into boxes: visits (axis, first, count), where the box is `count`
/// rows behind one another along `axis`, each with all of the axes after it, and one index along the axes
/// before it.
void cut_rows(std::size_t axis, Index begin, Index end, Index offset, const Strides& strides,
              const std::function<void(std::size_t, IndexRange)>& visit) {
  if (begin >= end) return;
  const Index row = strides[axis];
  const Index first = (begin + row - 1) / row;  // whole rows are [first, last)
  const Index last = end / row;
  if (first > last) {  // within one row
    cut_rows(axis + 1, begin - last * row, end - last * row, offset + last * row, strides, visit);
    return;
  }
  if (begin < first * row)
    cut_rows(axis + 1, begin - (first - 1) * row, row, offset + (first - 1) * row, strides, visit);
  if (first < last) visit(axis, {offset + first * row, offset + last * row});
  if (last * row < end) cut_rows(axis + 1, 0, end - last * row, offset + last * row, strides, visit);
}

}  // namespace

ElementOrder::ElementOrder(Shape shape, std::vector<bool> external) : shape_(std::move(shape)) {
  if (external.size() != shape_.size()) throw Bug("ElementOrder: as many axes as extents");
  for (const bool outside : {true, false}) {
    for (std::size_t axis = 0; axis < shape_.size(); ++axis) {
      if (external[axis] != outside) continue;
      (outside ? outer_ : inner_).push_back(shape_[axis]);
      permuted_.push_back(shape_[axis]);
      file_axis_.push_back(axis);
    }
  }
  // Throws when the product of all extents is too large, before any of the products below could wrap.
  element_count(shape_);
  elements_ = element_count(outer_);
  per_element_ = element_count(inner_);
  const Strides permuted = c_strides(permuted_);
  strides_.resize(shape_.size());
  for (std::size_t k = 0; k < permuted.size(); ++k) strides_[file_axis_[k]] = permuted[k];
  // Axes of length 1 do not change the order.
  std::size_t before = 0;
  for (const std::size_t axis : file_axis_) {
    if (shape_[axis] == 1) continue;
    if (axis < before) same_order_ = false;
    before = axis;
  }
}

RangeSet ElementOrder::values_of(const RangeSet& elements) const {
  RangeSet values;
  for (const IndexRange& range : elements.ranges()) values.insert(values_of(range));
  return values;
}

Index ElementOrder::number_at(Index place) const {
  if (same_order_) return place;
  Index number = 0;
  for (std::size_t axis = shape_.size(); axis-- > 0;) {
    number += place % shape_[axis] * strides_[axis];
    place /= shape_[axis];
  }
  return number;
}

RangeSet ElementOrder::elements_in(const RangeSet& values) const {
  RangeSet elements;
  if (per_element_ == 0) return elements;
  for (const IndexRange& range : values.ranges()) {
    // An element is there when all its values are: a range that begins or ends within one does not count it.
    const IndexRange whole{(range.begin + per_element_ - 1) / per_element_, range.end / per_element_};
    if (!whole.empty()) elements.insert(whole);
  }
  return elements;
}

void ElementOrder::for_each_box(IndexRange values,
                                const std::function<void(const OrderedBox&)>& visit) const {
  if (values.empty()) return;
  if (shape_.empty()) return visit(box_of(values));
  cut_rows(0, values.begin, values.end, 0, c_strides(permuted_),
           [&](std::size_t, IndexRange box) { visit(box_of(box)); });
}

std::vector<IndexRange> ElementOrder::cut(IndexRange values, Index limit) const {
  std::vector<IndexRange> parts;
  if (values.empty()) return parts;
  if (shape_.empty()) return {values};
  const Strides strides = c_strides(permuted_);
  const std::function<void(std::size_t, IndexRange)> halve = [&](std::size_t axis, IndexRange box) {
    const Index rows = std::max<Index>(1, limit / strides[axis]);
    for (Index begin = box.begin; begin < box.end; begin += rows * strides[axis]) {
      const IndexRange part{begin, std::min(box.end, begin + rows * strides[axis])};
      if (part.size() <= limit || axis + 1 == strides.size()) {
        parts.push_back(part);
      } else {  // one row, which is too long itself
        halve(axis + 1, part);
      }
    }
  };
  cut_rows(0, values.begin, values.end, 0, strides, halve);
  return parts;
}

OrderedBox ElementOrder::box_of(IndexRange values) const {
  OrderedBox box{MultiIndex(shape_.size()), Shape(shape_.size()), values.begin, values.size()};
  if (shape_.empty()) return box;
  const MultiIndex first = multi_index(values.begin, permuted_);
  const MultiIndex last = multi_index(values.end - 1, permuted_);
  Index count = 1;
  for (std::size_t k = 0; k < permuted_.size(); ++k) {
    box.begin[file_axis_[k]] = first[k];
    box.extent[file_axis_[k]] = last[k] - first[k] + 1;
    count *= last[k] - first[k] + 1;
  }
  if (count != values.size()) throw Bug("ElementOrder::box_of: the range is no box");
  return box;
}

}  // namespace mpipe
