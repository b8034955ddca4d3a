// SPDX-License-Identifier: BSD-3-Clause
// Any text as an expression: refused with an `Error`, or evaluated over arguments of every rank, which may
// fail with an `Error` as well.
#include <mpipe/document/expression.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "fuzz/fuzz_target.hpp"

namespace {

using namespace mpipe;

/// An argument for the k-th name: scalars mostly, then arrays.
Value argument(std::size_t k) {
  switch (k % 4) {
    case 1:
      return Value(std::vector<double>{1.5, -2, 0});
    case 2:
      return Value(std::vector<std::int64_t>{3, 1, 2});
    case 3:
      return Value(std::vector<double>{}).reshaped({0, 2});
    default:
      return Value(2.5);
  }
}

void evaluate(const std::vector<std::string>& names, const Function& function, std::size_t shift) {
  Inputs inputs;
  for (std::size_t k = 0; k < names.size(); ++k) inputs.emplace(names[k], argument(k + shift));
  try {
    (void)Pipeline({function}).run("result_", inputs);
  } catch (const Error&) {  // what does not fit is said at the element
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string expression(fuzz::text(data, size));
  if (fuzz::has_large_number(expression)) return 0;
  try {
    const std::vector<std::string> names = free_names({expression});
    const Function function = expression_function({"result_"}, {expression});
    for (std::size_t shift = 0; shift < 4; ++shift) evaluate(names, function, shift);
  } catch (const Error&) {
  }
  return 0;
}
