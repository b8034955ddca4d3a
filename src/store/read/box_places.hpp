// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which elements of an output have values in a box of its axes, and where in the box those lie.
#pragma once

#include <mpipe/data/array_layout.hpp>

#include <functional>

namespace mpipe {

/// Values of one element that are neighbours along the last internal axis.
struct BoxRun {
  Index number = 0;  ///< of the first value within the element
  Index place = 0;   ///< of the first value in the box, in C order
  Index stride = 1;  ///< between places of neighbours
  Index count = 0;
};

class BoxPlaces {
 public:
  /// Precondition: the shape is known, and the box lies within it.
  BoxPlaces(const ArrayLayout& layout, const IndexBox& box);

  /// The elements that have values in the box.
  RangeSet elements() const;
  /// Visits the values of one of these elements.
  void for_each_run(Index element, const std::function<void(const BoxRun&)>& visit) const;

 private:
  /// Some of the axes: those that elements are numbered over, or those inside of an element.
  struct Axes {
    Shape shape;
    IndexBox box;
    Strides strides;  ///< in the box of all axes
  };
  Axes outer_;
  Axes inner_;
};

/// Visits the ranges of a C-order array that make up a box, in order: each lies behind one another in the array and
/// in the box.
void for_each_range_of_box(const IndexBox& box, const Shape& shape,
                           const std::function<void(IndexRange)>& visit);

}  // namespace mpipe
