// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The Lennard-Jones fluid, simulated by LAMMPS. Everything is in reduced units (sigma, epsilon, mass and
/// Boltzmann's constant are 1).
#pragma once

#include <mpi.h>

#include <cstdint>

namespace lj {

/// Time steps of 0.005.
struct Steps {
  std::int64_t equilibration;  ///< before anything is measured, from a crystal that melts
  std::int64_t production;     ///< during which every 10th step is measured; a multiple of 10
};

/// Means over the production.
struct State {
  double energy;    ///< potential energy per atom
  double pressure;  ///< of the atoms' motion and their forces
};

/// 500 atoms at constant volume and temperature (Nose-Hoover), forces up to 3 sigma, with corrections for the
/// tail behind that. `seed` chooses the first velocities: the same seed gives the same result on the same
/// number of ranks. Collective over `comm`, on which it leaves no message; every rank gets the state.
///
/// Throws `std::invalid_argument` for what is no fluid (density above 0 and at most 1, temperature above 0
/// and at most 10) or no number of steps, and `std::runtime_error` with LAMMPS's words where LAMMPS is built
/// to throw. Where it is not (Debian), an error of LAMMPS itself ends the process.
State simulate(MPI_Comm comm, double density, double temperature, Steps steps, std::uint64_t seed);

}  // namespace lj
