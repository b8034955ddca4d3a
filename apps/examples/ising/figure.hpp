// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The picture of a sweep of ising.yaml.
#pragma once

#include "chart.hpp"
#include "sweep.hpp"

namespace ising {

/// Magnetisation, energy and Binder's cumulant over the temperature, beside the exact solution.
Chart figure_of(const Sweep& sweep);

}  // namespace ising
