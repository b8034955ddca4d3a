// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Outputs whose elements are arrays of lengths of their own, as variables of a copy.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include "store/export/export_variable.hpp"

namespace mpipe {

/// Reads all of the output once. Arrays of one shape become one variable with further axes, `NAME_dim0`, ..; others CF's
/// contiguous ragged representation: `NAME` with the values of all, `NAME__count`, and with more than one axis
/// `NAME__shape`. The first of them is `NAME`. `reader` must outlive them. Throws `Error` (bad_option) for arrays of
/// unequal ranks, of arrays or of objects.
std::vector<ExportVariable> variables_of_arrays(RunReader& reader, std::size_t output);

}  // namespace mpipe
