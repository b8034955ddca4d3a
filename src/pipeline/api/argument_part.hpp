// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What of an argument's array a block of elements needs.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

namespace mpipe {

/// The values of an argument that some elements look at, as a box of positions
/// `first + i0 * strides[0] + i1 * strides[1] + ..` with `ik < extents[k]`: the external axes of the
/// function, then those of the slice. Where the argument does not vary, along an axis of stride 0, the extent
/// is 1.
struct ArgumentPart {
  Index first = 0;
  Shape extents;
  Strides strides;
  MultiIndex low;  ///< per external axis: the lowest index; 0 where the argument does not vary

  Index count() const { return element_count(extents); }
  /// The lowest position of all, and how many values from there to the highest.
  IndexRange span() const;
};

/// The part for the elements of `range`, which is not empty, of a function with this external shape.
ArgumentPart part_of(const ArgumentView& view, const Shape& external, IndexRange range);

}  // namespace mpipe
