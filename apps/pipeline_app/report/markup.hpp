// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Text and numbers as they stand in a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::app {

/// `text` of anybody, so that a browser shows it as text, between tags and in attributes in double quotes, of HTML and of
/// SVG. Characters that control terminals or the direction of writing are shown by their codes (`\x1b`), and bytes
/// that are not UTF-8 as U+FFFD. Line breaks and tabs stay.
std::string escaped(std::string_view text);

/// The first `most` characters of `text`, then `..` when there are more. Not escaped.
std::string shortened(std::string_view text, std::size_t most);

/// `1.5`, `−2e−7`, `not a number`: at most so many significant digits, with a true minus sign.
std::string number_text(double value, int digits = 6);

/// A cell of a table with this text, which is escaped.
std::string text_cell(std::string_view text);
/// The same in the letters of code, with the line breaks of the text.
std::string code_cell(std::string_view text);
/// The same at the right side, for numbers.
std::string number_cell(std::string_view text);
/// A table of rows, each of which has the cells of these columns, between `<tr>` and `</tr>`; the names of columns of numbers
/// begin with `#`. `left_out`: so many rows are not there, which a last one says.
std::string table_html(const std::vector<std::string>& columns, const std::string& rows,
                       std::size_t left_out = 0);

/// `n things`, with separators between thousands: `1 element`, `12 345 elements`.
std::string amount_text(std::int64_t count, std::string_view thing);

}  // namespace mpipe::app
