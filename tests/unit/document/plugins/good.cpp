// SPDX-License-Identifier: BSD-3-Clause
// A plugin as it should be.
#include <mpipe/document/plugin.hpp>

#include <cstdint>
#include <tuple>

namespace {

double scaled(double value, std::int64_t times) { return value * static_cast<double>(times); }

double difference(double a, double b) { return a - b; }

std::tuple<double, double> split(double whole) { return {whole / 4, whole * 3 / 4}; }

}  // namespace

MPIPE_PLUGIN(registry) {
  registry.add("scaled", mpipe::function("result", scaled)
                             .parameters("value", "times")
                             .defaults({{"times", std::int64_t{2}}})
                             .attribute("result", "long_name", "a scaled value")
                             .thread_safe());
  registry.add("mapped", mpipe::function("result", scaled)
                             .parameters("value", "times")
                             .bound({{"times", std::int64_t{3}}})
                             .mapspec("value[i] -> result[i]"));
  registry.add("difference", mpipe::function("result", difference).parameters("a", "b"));
  registry.add("split", mpipe::function({"small", "large"}, split).parameters("whole"));
}
