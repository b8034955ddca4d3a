// SPDX-License-Identifier: BSD-3-Clause
// Which part of an argument a range of elements needs.
#include "pipeline/api/argument_part.hpp"

namespace mpipe {

IndexRange ArgumentPart::span() const {
  IndexRange span{first, first + 1};
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    if (extents[axis] == 0) return {first, first};
    const Index reach = (extents[axis] - 1) * strides[axis];
    // Along an axis of negative stride the values lie before the first one, so each axis widens the span at
    // one of its two ends.
    (reach < 0 ? span.begin : span.end) += reach;
  }
  return span;
}

ArgumentPart part_of(const ArgumentView& view, const Shape& external, IndexRange range) {
  ArgumentPart part;
  part.first = view.origin;
  const IndexBox box = bounding_box(range, external);
  const Shape shape = box.shape();
  for (std::size_t axis = 0; axis < external.size(); ++axis) {
    const Index stride = view.strides[axis];
    part.first += box.begin[axis] * stride;
    // An axis along which the argument does not change has a single position, however many elements the range
    // has there.
    part.extents.push_back(stride == 0 ? 1 : shape[axis]);
    part.strides.push_back(stride);
    part.low.push_back(stride == 0 ? 0 : box.begin[axis]);
  }
  part.extents.insert(part.extents.end(), view.slice_shape.begin(), view.slice_shape.end());
  part.strides.insert(part.strides.end(), view.slice_strides.begin(), view.slice_strides.end());
  return part;
}

}  // namespace mpipe
