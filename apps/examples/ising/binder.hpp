// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Where the curves of Binder's cumulant U = 1 - <m^4> / (3 <m^2>^2) of lattices of different sizes cross,
/// which is at the critical temperature [K. Binder, Z. Phys. B 43, 119 (1981)]: below it U grows with the
/// size of the lattice (towards 2/3), above it U falls with it (towards 0).
#pragma once

#include <cstdint>
#include <span>

namespace ising {

/// Where two curves over the same temperatures cross.
struct Crossing {
  double temperature;
  double binder;
};

/// Where the curve of the larger lattice, straight between its points, falls below that of the smaller one.
/// Both coordinates are NaN if it nowhere does. Far from the critical temperature the curves lie so near to
/// each other that noise makes them cross as well; of all crossings the one is taken that best parts the
/// range into a lower part where the larger lattice leads and an upper part where it follows. Throws
/// std::invalid_argument unless there are as many values as temperatures, and these rise.
Crossing find_crossing(std::span<const double> temperatures, std::span<const double> smaller,
                       std::span<const double> larger);

/// The crossing of the smallest and the largest of the given sizes, where `binder[t, l]` (C order: l changes
/// fastest) is the cumulant at temperature t and size l. These two curves meet at the largest angle, so that
/// noise moves their crossing the least; and that lattices are finite moves it little (from 16 and 64 on by
/// about 0.01 %). Throws std::invalid_argument for fewer than two different sizes, and as above.
Crossing binder_crossing(std::span<const double> temperatures, std::span<const std::int64_t> sizes,
                         std::span<const double> binder);

}  // namespace ising
