// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Little functions to build pipelines of.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mpipe::test {

using Names = std::vector<std::string>;

/// `output = a + 1`.
inline Function plus_one(const std::string& output, const std::string& a) {
  return function(output, [](double x) { return x + 1; }).parameters(a);
}
/// `output = a - 2 * b`.
inline Function combined(const std::string& output, const std::string& a, const std::string& b) {
  return function(output, [](double x, double y) { return x - 2 * y; }).parameters(a, b);
}
/// `first = a, second = -a`.
inline Function both(const std::string& first, const std::string& second, const std::string& a) {
  return function(Names{first, second}, [](double x) { return std::pair(x, -x); }).parameters(a);
}
/// The sum of an array.
inline Function total(const std::string& output, const std::string& a) {
  return function(output,
                  [](ArrayView<const double> x) {
                    double sum = 0;
                    for (const double value : x) sum += value;
                    return sum;
                  })
      .parameters(a);
}

/// Outputs of the functions in topological order.
inline Names outputs_of(const Pipeline& pipeline) {
  Names names;
  for (const FunctionId id : pipeline.topological_order()) {
    const Names& outputs = pipeline.function(id).outputs;
    names.insert(names.end(), outputs.begin(), outputs.end());
  }
  return names;
}

}  // namespace mpipe::test
