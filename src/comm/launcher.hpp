// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Who started this process, as far as its environment tells.
#pragma once

#include <functional>

namespace mpipe {

/// `std::getenv`, or what a test takes for it.
using EnvironmentLookup = std::function<const char*(const char*)>;

/// Whether a launcher that MPI can ask for the other ranks started this process. Throws `Error` (bad_option)
/// when srun started several tasks and MPI could not ask.
bool has_mpi_launcher(const EnvironmentLookup& lookup);

/// Once MPI runs: throws `Error` (bad_option) when it sees one rank, and the environment tells of a launcher that
/// started several processes, which is then not the one of this MPI.
void check_launcher(const EnvironmentLookup& lookup, int ranks);

}  // namespace mpipe
