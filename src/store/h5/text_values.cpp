// SPDX-License-Identifier: BSD-3-Clause
// Checks texts and lays them out as HDF5 takes them.
#include "store/h5/text_values.hpp"

namespace mpipe {
namespace {

/// Bytes of the character that begins with `first`, or 0 when no character of UTF-8 begins so.
std::size_t sequence_length(std::uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

/// The second byte rules out overlong forms, surrogates and what lies beyond U+10FFFF.
bool second_fits(std::uint8_t first, std::uint8_t second) {
  switch (first) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second < 0xA0;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second < 0x90;
    default:
      return true;
  }
}

}  // namespace

bool is_text(std::span<const std::byte> bytes) {
  const auto at = [&](std::size_t k) { return static_cast<std::uint8_t>(bytes[k]); };
  for (std::size_t k = 0; k < bytes.size();) {
    const std::size_t length = sequence_length(at(k));
    if (length == 0 || at(k) == 0 || length > bytes.size() - k) return false;
    if (length > 1 && !second_fits(at(k), at(k + 1))) return false;
    for (std::size_t next = 1; next < length; ++next)
      if ((at(k + next) & 0xC0) != 0x80) return false;
    k += length;
  }
  return true;
}

std::optional<TextPointers> text_pointers(std::span<const std::byte> bytes,
                                          std::span<const std::uint64_t> offsets) {
  TextPointers texts;
  const std::size_t count = offsets.size() - 1;
  texts.characters.reserve(bytes.size() + count);
  std::vector<std::size_t> begins;
  for (std::size_t k = 0; k < count; ++k) {
    const auto text = bytes.subspan(offsets[k], offsets[k + 1] - offsets[k]);
    if (!is_text(text)) return std::nullopt;
    begins.push_back(texts.characters.size());
    const auto* first = reinterpret_cast<const char*>(text.data());
    texts.characters.insert(texts.characters.end(), first, first + text.size());
    texts.characters.push_back('\0');
  }
  for (const std::size_t begin : begins) texts.pointers.push_back(texts.characters.data() + begin);
  return texts;
}

std::optional<TextPointers> text_pointers(const Value& value) {
  const std::span all(value.data(), value.byte_size());
  return text_pointers(all, {value.offsets(), static_cast<std::size_t>(value.count()) + 1});
}

bool is_stored(const Value& value) {
  if (!value.has_value()) return false;
  return value.type().is_numeric() || (value.type().kind == Kind::string && text_pointers(value).has_value());
}

}  // namespace mpipe
