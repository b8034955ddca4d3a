// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Options as text become the options of a map.
#pragma once

#include <mpipe/run/map_options.hpp>

#include "options/api/option_values.hpp"

namespace mpipe {

/// The options that `values` gives; all others as `MapOptions` has them. Throws `Error` (bad_option).
MapOptions bind_options(const OptionValues& values);

/// Fills in where values are kept and computed by default, for who says something of one output and leaves the others as
/// they would be, on `ranks` ranks.
void fill_defaults(MapOptions& options, int ranks);

}  // namespace mpipe
