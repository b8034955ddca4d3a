// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Errors on their way to another process: the category's number as u32, then the message.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include <string>

namespace mpipe::detail {

inline Bytes error_to_bytes(Category category, std::string_view message) {
  const auto number = static_cast<std::uint32_t>(category);
  Bytes bytes;
  append(bytes, &number, sizeof number);
  append(bytes, message.data(), message.size());
  return bytes;
}

/// The inverse. Throws `Bug` for bytes that are no error.
inline Error error_from_bytes(std::span<const std::byte> bytes) {
  std::uint32_t number = 0;
  if (bytes.size() < sizeof number) throw Bug("an error of another process is too short");
  std::memcpy(&number, bytes.data(), sizeof number);
  const auto category = category_from_number(number);
  if (!category) throw Bug("an error of another process has an unknown category");
  const auto text = bytes.subspan(sizeof number);
  return {*category, std::string(reinterpret_cast<const char*>(text.data()), text.size())};
}

}  // namespace mpipe::detail
