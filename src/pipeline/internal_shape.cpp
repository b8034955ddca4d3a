// SPDX-License-Identifier: BSD-3-Clause
// Reads the declared extents of internal axes.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/function.hpp>

#include <fmt/format.h>

namespace mpipe {

InternalShape::InternalShape(const PartialShape& shape) {
  for (const auto& extent : shape)
    extents_.push_back(extent ? InternalExtent(*extent) : InternalExtent(std::nullopt));
}

PartialShape InternalShape::extents(const std::string& output) const {
  PartialShape shape;
  for (const InternalExtent& extent : extents_) {
    if (!extent.is_valid())
      throw Error(
          Category::internal_shape_type,
          fmt::format("the internal shape of '{}' has the extent {}, but each must be a whole number, "
                      "0 or more, or \"?\" where it is not known.",
                      output, extent.text()));
    shape.push_back(extent.known());
  }
  return shape;
}

}  // namespace mpipe
