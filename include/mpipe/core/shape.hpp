// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Shapes of arrays, with and without unknown extents, and the C-order index algebra on them.
#pragma once

#include <mpipe/core/index.hpp>

#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// Extents of an N-D array; `{}` is a scalar. Extents are >= 0.
using Shape = std::vector<Index>;
/// A shape of which some extents are not known yet (`?`).
using PartialShape = std::vector<std::optional<Index>>;
/// Distance, in elements, between neighbours along each axis.
using Strides = std::vector<Index>;
using MultiIndex = std::vector<Index>;

/// Number of elements of `shape` (1 for a scalar). Throws `Error` (too_large) when it exceeds 2^62, so that
/// sizes derived from untrusted documents cannot wrap.
Index element_count(const Shape& shape);

/// Strides of a dense C-order array: for shape (2, 3, 4) they are (12, 4, 1).
Strides c_strides(const Shape& shape);

/// Linear index of `index` in C order: (0, 0, 1) in any shape is 1. Precondition: inside the shape.
Index linear_index(const MultiIndex& index, const Shape& shape);

/// Inverse of `linear_index`. Precondition: 0 <= linear < element_count(shape).
MultiIndex multi_index(Index linear, const Shape& shape);

/// The smallest box of multi-indices that holds all of `range` (not empty): first and one-past-last per axis.
struct IndexBox {
  MultiIndex begin;
  MultiIndex end;
  Shape shape() const;
};
IndexBox bounding_box(IndexRange range, const Shape& shape);

bool is_known(const PartialShape& shape);
/// Precondition: `is_known(shape)`.
Shape known_shape(const PartialShape& shape);
PartialShape partial(const Shape& shape);

/// `"(3, 4)"`, `"(3,)"`, `"()"`; unknown extents are `?`.
std::string to_string(const Shape& shape);
std::string to_string(const PartialShape& shape);
/// `"[3, 4]"`, as used for multi-indices in messages.
std::string index_to_string(const MultiIndex& index);

}  // namespace mpipe
