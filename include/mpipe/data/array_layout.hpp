// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The axes of a named array: which elements it has, and what lies inside each of them.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/data/element_type.hpp>

#include <string>
#include <vector>

namespace mpipe {

/// The type and the axes of a named array. Elements are numbered over the external axes in C order; internal
/// axes lie inside an element. The same description goes from the plan to the store, to status.json and to the
/// results.
struct ArrayLayout {
  const ElementType* type = nullptr;  ///< of its values (`array<T>`: every element is an array of its own)
  std::vector<std::string> axes;      ///< in mapspec order; `NAME_dim0`, .. where nobody names them
  std::vector<bool> external;  ///< per axis: elements are numbered over it, or it lies inside an element
  PartialShape shape;          ///< per axis; unknown extents are filled in while running
  /// False for a single value whose rank shows when it is computed: it has no axes until then.
  bool rank_known = true;

  bool shape_known() const { return rank_known && is_known(shape); }
  bool internal_known() const { return rank_known && is_known(internal_shape()); }
  PartialShape external_shape() const;
  PartialShape internal_shape() const;
  /// Precondition: as many extents as there are internal axes.
  void set_internal_shape(const PartialShape& internal);
  /// The rank of a single value became known: nobody names its axes. Precondition: `!rank_known`.
  void set_internal_rank(const std::string& name, std::size_t rank);
  /// Throws `Error` (too_large) where there are more axes than a file can have, or where known extents are
  /// negative or make more than 2^62 values. What passes can be stored by any storage.
  void check_limits(const std::string& name) const;
  friend bool operator==(const ArrayLayout&, const ArrayLayout&) = default;
};

}  // namespace mpipe
