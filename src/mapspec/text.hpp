// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The text of a mapspec, where its parts stand in it, and error messages that point at them.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::detail {

/// Byte offsets of the name and of the axes of one array.
struct ArrayPlace {
  std::size_t name = 0;
  std::vector<std::size_t> axes;
};

/// A text and the places of all arrays in it, in their order.
struct MapSpecText {
  std::string text;
  std::vector<ArrayPlace> inputs;
  std::vector<ArrayPlace> outputs;
};

/// What the grammar alone says about a text: not yet checked.
struct ParsedMapSpec {
  std::vector<ArraySpec> inputs;
  std::vector<ArraySpec> outputs;
  MapSpecText source;
};

/// Throws `Error` (mapspec_syntax).
ParsedMapSpec parse_grammar(std::string_view text);

/// Appends the canonical text of one array, which need not be valid.
ArrayPlace append_array(std::string& text, const ArraySpec& array);

/// The canonical text, which need not be a valid mapspec.
MapSpecText canonical_text(const std::vector<ArraySpec>& inputs, const std::vector<ArraySpec>& outputs);

/// Checks the invariants of `MapSpec`. `source`: where the arrays stand, for messages.
void check_invariants(const std::vector<ArraySpec>& inputs, const std::vector<ArraySpec>& outputs,
                      const MapSpecText& source);

/// Throws `Error`: `bad mapspec at column N: problem`, and below it the text with a caret under `offset` (in
/// bytes).
[[noreturn]] void refuse(Category category, std::string_view text, std::size_t offset,
                         const std::string& problem);

/// Number of the character at `offset`, counted from 1.
std::size_t column(std::string_view text, std::size_t offset);

/// `text` for a message: one printable character per character. Anything outside ASCII becomes `?`, as a
/// message must stay valid text and a caret must stay below its character whatever the encoding and the width
/// of the characters.
std::string printable(std::string_view text);

/// `"'x'"`, made printable and cut when very long.
std::string quoted(std::string_view text);

/// True for C identifiers.
bool is_simple_identifier(std::string_view name);

/// A character that can occur in a name (a dot separates the scope).
bool is_name_character(char c);

}  // namespace mpipe::detail
