// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The two orders in which the values of an output are numbered, and the way between them.
///
/// In memory, in journals and in checksums values are in *element order*: element by element (C order over
/// the external axes), the values of each element behind one another. In the file they are in *file order*: C
/// order over all axes as the mapspec has them. Where the internal axes come last the two are the same. Where
/// not: of `x[i] -> y[k, i]` with k internal and shape (K, I), element i holds the values (0, i), (1, i), ..
/// : value (k, i) is number i * K + k in element order and k * I + i in file order.
#pragma once

#include <mpipe/core/shape.hpp>

#include <functional>
#include <vector>

namespace mpipe {

/// A box of an array, seen both ways.
struct OrderedBox {
  MultiIndex begin;  ///< first value, per file axis
  Shape extent;      ///< per file axis
  Index first = 0;   ///< number of the first value in element order
  Index count = 0;   ///< values; in element order they are [first, first + count)
};

/// Values of an output whose element order is not file order lie all over the file. One rank writes them, this
/// much at a time: then many of them are neighbours there.
inline constexpr std::size_t kPanelBytes = std::size_t{32} << 20;

class ElementOrder {
 public:
  ElementOrder() = default;
  /// `shape` and `external` per axis of the file.
  ElementOrder(Shape shape, std::vector<bool> external);

  const Shape& shape() const { return shape_; }
  const Shape& outer() const { return outer_; }
  const Shape& inner() const { return inner_; }
  Index elements() const { return elements_; }
  Index values_per_element() const { return per_element_; }
  Index values() const { return elements_ * per_element_; }
  /// Element order is file order.
  bool in_file_order() const { return same_order_; }
  /// Distance in element order between neighbours along each axis of the file.
  const Strides& element_strides() const { return strides_; }

  IndexRange values_of(IndexRange elements) const {
    return {elements.begin * per_element_, elements.end * per_element_};
  }
  /// Number in element order of the value that is number `place` in file order.
  Index number_at(Index place) const;
  RangeSet values_of(const RangeSet& elements) const;
  /// The elements all of whose values are in `values`. (Elements without values are in nothing.)
  RangeSet elements_in(const RangeSet& values) const;

  /// Cuts a range in element order into boxes, in element order. At most 2 * rank - 1 of them.
  void for_each_box(IndexRange values, const std::function<void(const OrderedBox&)>& visit) const;
  /// Cuts a range in element order into ranges that are boxes of at most `limit` values each (at least 1).
  std::vector<IndexRange> cut(IndexRange values, Index limit) const;
  /// The range, which must be a box.
  OrderedBox box_of(IndexRange values) const;

 private:
  Shape shape_;
  Shape outer_;
  Shape inner_;
  Shape permuted_;                      ///< extents in element order: outer, then inner
  std::vector<std::size_t> file_axis_;  ///< axis of the file, per permuted axis
  Strides strides_;
  Index elements_ = 1;
  Index per_element_ = 1;
  bool same_order_ = true;
};

}  // namespace mpipe
