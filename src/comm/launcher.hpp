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

}  // namespace mpipe
