// SPDX-License-Identifier: BSD-3-Clause
// libsquares.so, which squares.yaml calls.
#include <mpipe/document/plugin.hpp>

#include <cstdint>

namespace {

std::int64_t square(std::int64_t x) { return x * x; }

std::int64_t total(mpipe::ArrayView<const std::int64_t> values) {
  std::int64_t sum = 0;
  for (const std::int64_t value : values) sum += value;
  return sum;
}

}  // namespace

MPIPE_PLUGIN(registry) {
  registry.add("square", mpipe::function("square", square).parameters("x"));
  registry.add("total", mpipe::function("total", total).parameters("square"));
}
