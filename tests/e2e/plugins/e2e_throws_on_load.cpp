// SPDX-License-Identifier: BSD-3-Clause
// A plugin that fails while it registers.
#include <mpipe/document/plugin.hpp>

#include <stdexcept>

MPIPE_PLUGIN(registry) {
  if (registry.functions().empty()) throw std::runtime_error("the licence server is away");
}
