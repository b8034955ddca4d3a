// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Options as text become the options of a map.
#pragma once

#include <mpipe/run/map_options.hpp>

#include "options/api/option_values.hpp"

namespace mpipe {

/// The options that `values` gives; all others as `MapOptions` has them. Throws `Error` (bad_option).
MapOptions bind_options(const OptionValues& values);

}  // namespace mpipe
