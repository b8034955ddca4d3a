// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Outputs whose values vary in size, as variables of a complete file: text, arrays per element (of equal
/// shapes with further axes, else one behind another), and objects as bytes. docs/formats.md has the layouts.
#pragma once

#include "store/extents.hpp"
#include "store/output/result_file.hpp"

namespace mpipe {

/// On `NAME__bytes`: the name of the type of the elements.
inline constexpr const char* kTypeAttribute = "mpipe_type";

/// Values behind one another; for types that vary in size with offsets, one more than values, from 0.
struct EncodedValues {
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> offsets;

  /// For types that vary in size.
  std::span<const std::byte> value(std::size_t k) const {
    return std::span(bytes).subspan(static_cast<std::size_t>(offsets[k]),
                                    static_cast<std::size_t>(offsets[k + 1] - offsets[k]));
  }
  std::size_t count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
};

/// Adds values at the end. `offsets` of what is added may begin anywhere.
void append_values(EncodedValues& all, std::span<const std::byte> bytes,
                   std::span<const std::uint64_t> offsets);

/// Adds values without bytes at the end.
void append_nothing(EncodedValues& all, Index count);

/// Checksum of `values` of a type that varies in size: of their lengths, then of their bytes.
std::uint64_t hash_of(const EncodedValues& all, IndexRange values);

/// Adds an output with all its values (in element order; what is not done without bytes) and marks.
void add_variable_output(LabelledFile& file, const RunLayout& layout, std::size_t output,
                         const EncodedValues& values, const ElementStates& progress);

/// Extents of the elements that are done.
void add_variable_extents(std::size_t output, const ElementOrder& order, const EncodedValues& values,
                          const RangeSet& done, std::vector<Extent>& extents);

/// True when the file has this output, of a type that varies in size.
bool has_variable_output(hid_t file, const OutputLayout& output);

/// Reads all values, in element order; those of elements that are not in `done` without bytes. Nothing is
/// trusted: throws `Error` (storage_failed) when lengths contradict each other or the size of the file.
EncodedValues read_variable_output(hid_t file, const OutputLayout& output, const RangeSet& done,
                                   std::uint64_t file_size);

/// Reads the texts of a box of the axes, in C order, also of elements that are not done; nothing where the output has no
/// texts, or ones that are not stored as such. Throws as above.
std::optional<EncodedValues> read_text_box(hid_t file, const OutputLayout& output, const IndexBox& box,
                                           std::uint64_t file_size);

/// The marks of an output, an element each.
std::vector<std::uint8_t> read_variable_status(hid_t file, const OutputLayout& output,
                                               std::uint64_t file_size);

}  // namespace mpipe
