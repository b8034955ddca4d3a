// SPDX-License-Identifier: BSD-3-Clause
// One plugin in two versions of its code.
#include <mpipe/document/plugin.hpp>

namespace {

double scaled(double x) { return x * E2E_FACTOR; }

}  // namespace

MPIPE_PLUGIN(registry) {
  registry.add("scaled", mpipe::function("y", scaled).parameters("x"));
  registry.add("negated", mpipe::function("n", [](double x) { return -x * E2E_FACTOR; }).parameters("x"));
}
