// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Text as HDF5 wants it.
#pragma once

#include <mpipe/data/value.hpp>

#include <optional>

namespace mpipe {

/// Zero-terminated texts and pointers to them.
struct TextPointers {
  std::vector<char> characters;
  std::vector<const char*> pointers;
};

/// True for UTF-8 without zero bytes: what text in HDF5 can hold.
bool is_text(std::span<const std::byte> bytes);

/// `offsets`: one more than texts. Nothing when one of them is no text.
std::optional<TextPointers> text_pointers(std::span<const std::byte> bytes,
                                          std::span<const std::uint64_t> offsets);
std::optional<TextPointers> text_pointers(const Value& value);

/// Whether an input of this value becomes a variable in the file: numbers and text.
bool is_stored(const Value& value);

}  // namespace mpipe
