// SPDX-License-Identifier: BSD-3-Clause
// What lammps.yaml calls: one simulation, made by all ranks of a communicator together.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/document/plugin.hpp>

#include "lj_fluid.hpp"

namespace {

/// All ranks of a call draw the same seed: the random numbers are those of the element.
lj::State simulate(double density, double temperature, std::int64_t equilibration, std::int64_t production,
                   mpipe::Random random, mpipe::Comm comm) {
  return lj::simulate(comm, density, temperature, {equilibration, production}, random());
}

}  // namespace

MPIPE_PLUGIN(registry) {
  registry.add("lj_fluid", mpipe::function({"energy", "pressure"}, simulate)
                               .parameters("density", "temperature", "equilibration", "production")
                               .attribute("energy", "long_name", "potential energy per atom")
                               .attribute("energy", "units", "epsilon")
                               .attribute("pressure", "long_name", "pressure")
                               .attribute("pressure", "units", "epsilon / sigma^3"));
}
