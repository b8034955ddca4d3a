// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which types may meet on an edge.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

namespace mpipe::detail {

/// An element of type array<T> is an array of T to whoever takes it.
ValueType opened(ValueType type);

/// Throws `Error` (type_mismatch) when the parameter `name` of `node`, which is `wanted`, cannot take
/// `given`.
void check_argument(const FunctionNode& node, const std::string& name, const ValueType& given,
                    const ValueType& wanted);

}  // namespace mpipe::detail
