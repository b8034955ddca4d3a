// SPDX-License-Identifier: BSD-3-Clause
// A plugin that registers one name twice.
#include <mpipe/document/plugin.hpp>

MPIPE_PLUGIN(registry) {
  for (int k = 0; k < 2; ++k)
    registry.add("twin", mpipe::function("result", [](double x) { return x; }).parameters("x"));
}
