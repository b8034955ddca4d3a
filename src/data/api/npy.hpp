// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How numpy's own files begin (format 1.0): the values follow, dense, in C order.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/data/element_type.hpp>

#include <string>

namespace mpipe {

/// numpy's code of a type: `<f8`. Throws `Bug` for types that are not numeric.
std::string numpy_type(const ElementType& type);

/// The bytes before the values: magic, version, type (numpy's code of it), shape; a multiple of 64.
std::string npy_header(const std::string& type, const Shape& shape);

}  // namespace mpipe
