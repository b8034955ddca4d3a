// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Expressions in which arrays occur, computed element by element. What is the same for all elements of a
/// block is computed once.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include "document/expression/expression_tree.hpp"

namespace mpipe::detail {

/// As `FunctionBody::call`, for arguments and outputs of all kinds.
void evaluate_arrays(const ExpressionTrees& trees, BlockCall& call);

}  // namespace mpipe::detail
