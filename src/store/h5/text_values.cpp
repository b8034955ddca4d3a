// SPDX-License-Identifier: BSD-3-Clause
// Checks texts and lays them out as HDF5 takes them.
#include "store/h5/text_values.hpp"

#include "core/api/text.hpp"

namespace mpipe {
bool is_text(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.find('\0') == std::string_view::npos && is_utf8(text);
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
