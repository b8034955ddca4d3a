// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What is known of an element that failed.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/shape.hpp>

#include <string>

namespace mpipe {

/// One failed element of a function.
struct Failure {
  std::string output;     ///< the function's first output
  Index element = 0;      ///< linear index over the function's external axes
  MultiIndex index;       ///< the same as multi-index; empty for a single value
  std::string message;    ///< what() of what was thrown
  std::string type;       ///< its C++ type
  std::string arguments;  ///< `x=1.5, y="a"`, shortened
  std::string host;
  int rank = 0;  ///< of the job (see `Communicator::job_rank`)
  Category category = Category::function_raised;
};

}  // namespace mpipe
