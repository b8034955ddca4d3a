// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Text of others on terminals and pages, where some characters do more than to be read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mpipe {

/// The number of the character of UTF-8 at byte `at`, which has `length` bytes (`character_length`, not 0).
std::uint32_t code_of_character(std::string_view text, std::size_t at, std::size_t length);

/// Whether a character is no text: codes that colour, clear or rename a terminal (C0 and C1, but for the end of a
/// line and the tab), and those that change the direction of text or show nothing, so that a name looks like another.
bool is_control_character(std::uint32_t code);

/// A control character as text: `\x1b`, `\u202e`.
std::string escaped_control(std::uint32_t code);

/// `text` with control characters, and bytes that are no UTF-8, as text. Any thread.
std::string without_controls(std::string_view text);

}  // namespace mpipe
