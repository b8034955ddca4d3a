// SPDX-License-Identifier: BSD-3-Clause
// Tells characters that control terminals from text, and shows them as text.
#include "core/api/terminal_text.hpp"

#include "core/api/text.hpp"

#include <fmt/format.h>

namespace mpipe {

std::uint32_t code_of_character(std::string_view text, std::size_t at, std::size_t length) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[at + k]); };
  if (length == 1) return byte(0);
  std::uint32_t code = byte(0) & (0x7FU >> length);
  for (std::size_t k = 1; k < length; ++k) code = code << 6U | (byte(k) & 0x3FU);
  return code;
}

bool is_control_character(std::uint32_t code) {
  if (code == '\n' || code == '\t') return false;
  const auto between = [&](std::uint32_t first, std::uint32_t last) { return first <= code && code <= last; };
  return code < 0x20 || between(0x7F, 0x9F) || code == 0x061C || between(0x200B, 0x200F) ||
         between(0x2028, 0x202E) || between(0x2060, 0x206F) || code == 0xFEFF || between(0xE0000, 0xE007F);
}

std::string escaped_control(std::uint32_t code) {
  return code < 0x100 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
}

std::string without_controls(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    const std::uint32_t code =
        length == 0 ? static_cast<unsigned char>(text[at]) : code_of_character(text, at, length);
    if (length == 0 || is_control_character(code))
      shown += escaped_control(code);
    else
      shown += text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  return shown;
}

}  // namespace mpipe
