// SPDX-License-Identifier: BSD-3-Clause
// A plugin that cannot register its functions.
#include <mpipe/document/plugin.hpp>

#include <stdexcept>

MPIPE_PLUGIN(registry) {
  registry.add("never", mpipe::function("result", [](double x) { return x; }).parameters("x"));
  throw std::runtime_error("the licence server is away");
}
