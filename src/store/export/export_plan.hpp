// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// All variables of a copy of results, in the order in which they are written.
#pragma once

#include "store/api/export_run.hpp"
#include "store/export/export_variable.hpp"

namespace mpipe {

enum class ComplexNumbers {
  as_they_are,
  in_parts,  ///< `NAME__re` and `NAME__im`, for formats without them
};

/// Coordinates first, then other inputs, then outputs. Their axes have the names of dimensions: no two of unequal lengths
/// have one name, and none has that of a variable but of its coordinate. Reads all of those outputs that need it, see
/// `choose_fill` and `variables_of_arrays`. `reader` must outlive them. Throws `Error` as `export_netcdf`.
std::vector<ExportVariable> plan_export(RunReader& reader, const ExportChoice& choice,
                                        ComplexNumbers complex);

/// Attributes of the whole copy: names and texts.
std::vector<std::pair<std::string, std::string>> export_attributes();

}  // namespace mpipe
