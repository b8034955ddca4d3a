// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Outputs whose values vary in size, as variables of a complete file: text, arrays per element (of equal
/// shapes with further axes, else one behind another), and objects as bytes. docs/formats.md has the layouts.
#pragma once

#include "store/extents.hpp"
#include "store/output/encoded_values.hpp"
#include "store/output/result_file.hpp"

namespace mpipe {

/// On `NAME__bytes`: the name of the type of the elements.
inline constexpr const char* kTypeAttribute = "mpipe_type";

/// Adds an output with all its values (in element order; what is not done without bytes) and marks.
void add_variable_output(LabelledFile& file, const RunLayout& layout, std::size_t output,
                         const EncodedValues& values, const OutputProgress& progress);

/// Extents of the elements that are done.
void add_variable_extents(std::size_t output, const ElementOrder& order, const EncodedValues& values,
                          const RangeSet& done, std::vector<Extent>& extents);

/// True when the file has this output, of a type that varies in size.
bool has_variable_output(hid_t file, const OutputLayout& output);

/// Reads all values, in element order; those of elements that are not in `done` without bytes. Nothing is
/// trusted: throws `Error` (storage_failed) when lengths contradict each other or the size of the file.
EncodedValues read_variable_output(hid_t file, const OutputLayout& output, const RangeSet& done,
                                   std::uint64_t file_size);

/// The marks of an output, an element each.
std::vector<std::uint8_t> read_variable_status(hid_t file, const OutputLayout& output,
                                               std::uint64_t file_size);

}  // namespace mpipe
