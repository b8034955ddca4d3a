// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Little pieces of messages.
#pragma once

#include "core/api/text.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::detail {

/// A floating point number in decimal notation, also nan, inf and infinity; the double that is nearest to it.
struct Decimal {
  enum class Form : std::uint8_t { none, number, too_large };
  Form form = Form::none;
  double number = 0;  ///< 0 with the sign of the text where no other double is as near
};
Decimal read_decimal(std::string_view text);

/// ` Did you mean 'x'?`, or ` There are: a, b, c.` when nothing is near; empty without candidates.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

/// The part of `text` around byte `offset`, and below it a caret that points there.
std::string with_caret(std::string_view text, std::size_t offset);

/// Number of the character at byte `offset`, counted from 1.
std::size_t column_of(std::string_view text, std::size_t offset);

}  // namespace mpipe::detail
