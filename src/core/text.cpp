// SPDX-License-Identifier: BSD-3-Clause
// Checks UTF-8, and makes text of others fit for messages.
#include "core/api/text.hpp"

#include "core/api/terminal_text.hpp"

#include <cstdint>
#include <cstring>

namespace mpipe {

/// The length of the character at `at` in bytes, or 0 when it is no valid UTF-8. Only the shortest form of a
/// character counts, and surrogates do not: a strict reader, as those of JSON are, would refuse the text.
std::size_t character_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) -> unsigned {
    // Behind the end stands a 0, which continues no character: one that is cut off is found invalid.
    return at + k < text.size() ? static_cast<unsigned char>(text[at + k]) : 0;
  };
  const auto continues = [&](std::size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return continues(1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    const bool overlong = first == 0xE0U && byte(1) < 0xA0U;
    const bool surrogate = first == 0xEDU && byte(1) > 0x9FU;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    const bool overlong = first == 0xF0U && byte(1) < 0x90U;
    const bool beyond = first == 0xF4U && byte(1) > 0x8FU;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    // Long texts are documents, almost all of which is ASCII: eight characters are looked at together.
    std::uint64_t eight = 0;
    while (at + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080U) != 0) break;
      at += sizeof eight;
    }
    if (at == text.size()) break;
    const std::size_t length = character_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string printable(std::string_view text, std::size_t longest) {
  std::string shown;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    if (characters == longest) return shown + "..";
    // A byte that belongs to no character is one, so that columns of the original text are columns of the shown one.
    const std::size_t length = character_length(text, at);
    const std::uint32_t code = length == 0 ? 0 : code_of_character(text, at, length);
    if (code == '\t' || code == '\n' || code == '\r')
      shown += ' ';
    else if (is_control_character(code))
      shown += '?';
    else
      shown += text.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  return shown;
}

}  // namespace mpipe
