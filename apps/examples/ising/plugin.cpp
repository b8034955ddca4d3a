// SPDX-License-Identifier: BSD-3-Clause
// What ising.yaml calls: the functions of ising.hpp and binder.hpp, offered to mpipe.
#include <mpipe/data/array.hpp>
#include <mpipe/document/plugin.hpp>

#include "binder.hpp"
#include "ising.hpp"

namespace {

/// One simulation. Replicas differ by their element's stream of random numbers and by nothing else.
ising::Observables simulate_replica(double temperature, std::int64_t size, std::int64_t /*replica*/,
                                    std::int64_t equilibration, std::int64_t samples, mpipe::Random random) {
  return ising::simulate(temperature, size, {equilibration, samples}, random);
}

template <class T>
std::span<const T> span_of(mpipe::ArrayView<const T> array) {
  return {array.begin(), array.end()};
}

double critical_temperature(mpipe::ArrayView<const double> temperature,
                            mpipe::ArrayView<const std::int64_t> size,
                            mpipe::ArrayView<const double> binder) {
  return ising::binder_crossing(span_of(temperature), span_of(size), span_of(binder)).temperature;
}

}  // namespace

MPIPE_PLUGIN(registry) {
  registry.add("ising", mpipe::function({"magnetization", "energy", "m2", "m4"}, simulate_replica)
                            .parameters("temperature", "size", "replica", "equilibration", "samples")
                            .attribute("magnetization", "long_name", "mean absolute magnetisation per spin")
                            .attribute("energy", "long_name", "mean energy per spin")
                            .attribute("m2", "long_name", "mean squared magnetisation per spin")
                            .attribute("m4", "long_name", "mean fourth power of the magnetisation per spin")
                            .thread_safe());
  registry.add("binder_crossing", mpipe::function("critical_temperature", critical_temperature)
                                      .parameters("temperature", "size", "binder")
                                      .thread_safe());
}
