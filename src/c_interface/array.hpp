// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Numbers as C passes them: types, shapes, bytes.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/data/value.hpp>
#include <mpipe/mpipe.h>

#include <cstddef>
#include <span>
#include <string>

namespace mpipe {

/// A checked `mpipe_array`.
struct CArray {
  const ElementType* type = nullptr;
  Shape shape;
  std::span<const std::byte> bytes;
};

/// Throws `Error` (bad_option) for types, ranks and extents that there are not; `what` is named in messages.
CArray read_array(const mpipe_array* array, const std::string& what);

/// The number of the type in C. Throws `Error` (type_mismatch) for what C has no numbers of: texts, objects.
mpipe_type c_type(const ElementType& type, const std::string& what);

/// The array that `value` is, which must outlive it. Throws as `c_type`.
mpipe_array c_array(const Value& value, const std::string& what);

}  // namespace mpipe
