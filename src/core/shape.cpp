// SPDX-License-Identifier: BSD-3-Clause
// Index algebra on shapes: counts, strides, linear indices and multi-indices.
#include <mpipe/core/error.hpp>
#include <mpipe/core/shape.hpp>

#include <algorithm>

namespace mpipe {
namespace {

constexpr Index kMaxElements = Index{1} << 62;

template <class Items, class Print>
std::string join(const Items& items, const Print& print) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ", ";
    text += print(item);
  }
  return text;
}

/// Shapes are written as tuples of Python are, in which `(3,)` has one item and `(3)` is a number.
std::string as_tuple(std::string text, std::size_t rank) {
  if (rank == 1) text += ",";
  return "(" + text + ")";
}

}  // namespace

Index element_count(const Shape& shape) {
  // Extents of 0 are looked for first: an array without elements is never too large, however long its other
  // axes are, and the division below needs extents that are not 0.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  Index count = 1;
  for (const Index extent : shape) {
    if (extent < 0) throw Bug("negative extent in shape " + to_string(shape));
    if (count > kMaxElements / extent)
      throw Error(Category::too_large, "the shape " + to_string(shape) +
                                           " has more than 2^62 elements (they could not be numbered). "
                                           "Use smaller axes.");
    count *= extent;
  }
  return count;
}

Strides c_strides(const Shape& shape) {
  Strides strides(shape.size());
  Index step = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = step;
    // An axis without positions counts as one of length 1, so that the strides before it do not become 0.
    step *= std::max<Index>(shape[axis], 1);
  }
  return strides;
}

Index linear_index(const MultiIndex& index, const Shape& shape) {
  Index linear = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) linear = linear * shape[axis] + index[axis];
  return linear;
}

MultiIndex multi_index(Index linear, const Shape& shape) {
  MultiIndex index(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = linear % shape[axis];
    linear /= shape[axis];
  }
  return index;
}

Shape IndexBox::shape() const {
  Shape extents(begin.size());
  for (std::size_t axis = 0; axis < begin.size(); ++axis) extents[axis] = end[axis] - begin[axis];
  return extents;
}

IndexBox bounding_box(IndexRange range, const Shape& shape) {
  if (range.empty()) throw Bug("the bounding box of an empty range was asked for");
  IndexBox box{multi_index(range.begin, shape), multi_index(range.end - 1, shape)};
  bool same_prefix = true;  // once an axis spans several values, all axes behind it may take any value
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const bool spans = box.begin[axis] != box.end[axis];
    if (!same_prefix) {
      box.begin[axis] = 0;
      box.end[axis] = shape[axis] - 1;
    }
    same_prefix = same_prefix && !spans;
    ++box.end[axis];
  }
  return box;
}

bool is_known(const PartialShape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const auto& extent) { return extent.has_value(); });
}

Shape known_shape(const PartialShape& shape) {
  Shape known;
  known.reserve(shape.size());
  for (const auto& extent : shape) {
    if (!extent) throw Bug("the shape " + to_string(shape) + " is not known yet");
    known.push_back(*extent);
  }
  return known;
}

PartialShape partial(const Shape& shape) { return {shape.begin(), shape.end()}; }

std::string to_string(const Shape& shape) {
  return as_tuple(join(shape, [](Index extent) { return std::to_string(extent); }), shape.size());
}

std::string to_string(const PartialShape& shape) {
  return as_tuple(
      join(shape, [](const auto& extent) { return extent ? std::to_string(*extent) : std::string("?"); }),
      shape.size());
}

std::string index_to_string(const MultiIndex& index) {
  return "[" + join(index, [](Index i) { return std::to_string(i); }) + "]";
}

}  // namespace mpipe
