// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// From doubles, which expressions compute with, to the type that a document gives an output.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/data/element_type.hpp>

#include "document/expression/expression_tree.hpp"

namespace mpipe::detail {

/// Writes `n` values to `out` as `type`, and returns the index of the first that `type` cannot hold, or `n`;
/// what stands behind that one is not written. Integers and booleans hold what is equal to one of them, float32
/// the nearest one as in NumPy (beyond its range an infinity), complex128 all with an imaginary part of zero.
/// Precondition: `is_expression_type(type)`; `out` has room for `n` values.
Index narrow(const double* values, Index n, const ElementType& type, std::byte* out);

/// Whether outputs of expressions can have it: real numbers, and complex128.
bool is_expression_type(const ElementType& type);

/// What an element fails with whose value was refused by `narrow`.
[[noreturn]] void refuse_value(const ExpressionTrees& trees, NodeId root, double value,
                               const ElementType& type);

}  // namespace mpipe::detail
