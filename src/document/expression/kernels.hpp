// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The arithmetic of expressions, over many elements at once.
///
/// The same operands give the same bytes whatever their number, place in a block or neighbours: additions and
/// the like run in whole groups of lanes, also for the last few and for single elements, so that no second
/// version of a loop exists which could order its operands differently (visible in NaNs); functions of libm
/// are called one by one.
#pragma once

#include <mpipe/core/index.hpp>

#include "document/expression/expression_tree.hpp"

#include <span>

namespace mpipe::detail {

/// `n` values, or one that stands for all of them.
struct Operand {
  const double* data = nullptr;
  bool uniform = false;
};

/// out[k] = op(operands[0][k], ..) for k in [0, n). `out` may be one of the operands. Precondition: an
/// elementwise op and as many operands as it has.
void apply_elementwise(Op op, std::span<const Operand> operands, double* out, Index n);

/// Index of the first value that is not zero, or `n`.
Index first_nonzero(const double* values, Index n);

// Reductions: plain loops in index order.
double sum_of(const double* values, Index n);
double product_of(const double* values, Index n);
double dot_of(const double* a, const double* b, Index n);
/// NaN when one of the values is. Precondition: n > 0.
double smallest_of(const double* values, Index n);
double largest_of(const double* values, Index n);

}  // namespace mpipe::detail
