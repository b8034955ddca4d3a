// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The exact solution of the infinite two-dimensional Ising model (square lattice, coupling and Boltzmann's
/// constant 1, no field).
#pragma once

namespace ising {

/// 2 / ln(1 + sqrt 2) [H. A. Kramers, G. H. Wannier, Phys. Rev. 60, 252 (1941)].
double critical_temperature();

/// The spontaneous magnetisation per spin, (1 - sinh(2/T)^-4)^(1/8), and 0 from the critical temperature on
/// [announced by L. Onsager in 1948; proved by C. N. Yang, Phys. Rev. 85, 808 (1952)].
double exact_magnetization(double temperature);

/// The energy per spin [L. Onsager, Phys. Rev. 65, 117 (1944)].
double exact_energy(double temperature);

}  // namespace ising
