// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How many ranks a call gets, where that depends on its arguments.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include <memory>
#include <string>
#include <vector>

namespace mpipe {

/// A number of ranks for every element, from some of its arguments. Evaluated on rank 0, for all elements
/// before the first of them is computed.
struct RankRule {
  std::vector<std::string> parameters;       ///< of the function, by the callable's own names
  std::shared_ptr<const FunctionBody> body;  ///< takes those, and returns one number
};

}  // namespace mpipe
