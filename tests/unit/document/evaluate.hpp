// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The value of an expression for given arguments.
#pragma once

#include <mpipe/document/expression.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include <string>

namespace mpipe::test {

inline Value evaluate(const std::string& text, const Inputs& arguments = {}) {
  return Pipeline{expression_function({"out"}, {text})}.run("out", arguments);
}

inline double number(const std::string& text, const Inputs& arguments = {}) {
  return evaluate(text, arguments).as<double>();
}

}  // namespace mpipe::test
