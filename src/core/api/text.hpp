// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Text in UTF-8: that of others in messages, and whether it is UTF-8 at all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mpipe {

/// Whether a byte goes on with a character of UTF-8, rather than beginning one.
inline bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// Bytes of the character of UTF-8 that begins at byte `at`, or 0 when none does.
std::size_t character_length(std::string_view text, std::size_t at);
/// Whether all of `text` is UTF-8.
bool is_utf8(std::string_view text);

/// `text` for a message: one printable character per character, other than ASCII as `?`; long text is cut.
std::string printable(std::string_view text, std::size_t longest = 60);

}  // namespace mpipe
