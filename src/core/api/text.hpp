// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Text of others in messages.
#pragma once

#include <string>
#include <string_view>

namespace mpipe {

/// Whether a byte goes on with a character of UTF-8, rather than beginning one.
inline bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// `text` for a message: one printable character per character, other than ASCII as `?`; long text is cut.
std::string printable(std::string_view text, std::size_t longest = 60);

}  // namespace mpipe
