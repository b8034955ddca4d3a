// SPDX-License-Identifier: BSD-3-Clause
// Cuts arrays into boxes.
#include "store/api/boxes.hpp"

#include "store/output/element_order.hpp"

namespace mpipe {

std::vector<IndexBox> boxes_of(const Shape& shape, IndexRange values, Index limit) {
  const ElementOrder order(shape, std::vector<bool>(shape.size(), true));
  std::vector<IndexBox> boxes;
  for (const IndexRange& part : order.cut(values, limit)) {
    const OrderedBox box = order.box_of(part);
    MultiIndex end = box.begin;
    for (std::size_t axis = 0; axis < end.size(); ++axis) end[axis] += box.extent[axis];
    boxes.push_back({box.begin, std::move(end)});
  }
  return boxes;
}

}  // namespace mpipe
