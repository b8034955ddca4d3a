// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Whole numbers from JSON that nobody vouches for.
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace mpipe::detail {

/// `value` (of nlohmann's JSON library, whose own conversion takes fractions, and numbers of any size) as an
/// `Integer`. Throws std::invalid_argument when it is no whole number in its range.
template <std::integral Integer, class Json>
Integer json_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.template get<std::uint64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.template get<std::int64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  }
  throw std::invalid_argument("a whole number is missing, or too large");
}

}  // namespace mpipe::detail
