// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Text and numbers as they stand in a page.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mpipe::app {

/// `text` of anybody, so that a browser shows it as text, between tags and in attributes in double quotes, of HTML and of
/// SVG. Characters that control terminals or the direction of writing are shown by their codes (`\x1b`), and bytes
/// that are not UTF-8 as U+FFFD. Line breaks and tabs stay.
std::string escaped(std::string_view text);

/// The first `most` characters of `text`, then `..` when there are more. Not escaped.
std::string shortened(std::string_view text, std::size_t most);

/// `1.5`, `−2e−7`, `not a number`: at most so many significant digits, with a true minus sign.
std::string number_text(double value, int digits = 6);

/// `n things`, with separators between thousands: `1 element`, `12 345 elements`.
std::string amount_text(std::int64_t count, std::string_view thing);

}  // namespace mpipe::app
