// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "chart.hpp"
#include "sweep.hpp"

namespace ising {

/// Magnetisation, energy and Binder's cumulant over the temperature, beside the exact solution.
Chart figure_of(const Sweep& sweep);

}  // namespace ising
