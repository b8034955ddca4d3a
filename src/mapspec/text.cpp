// SPDX-License-Identifier: BSD-3-Clause
// Messages about mapspecs, with the place shown by a caret.
#include "mapspec/text.hpp"

#include <algorithm>

namespace mpipe {
namespace detail {
namespace {

constexpr std::size_t kQuoteBefore = 40;  // characters that are shown before and behind the place of an error
constexpr std::size_t kQuoteBehind = 32;
constexpr std::size_t kLongestQuote = 60;

bool is_letter(char c) { return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return '0' <= c && c <= '9'; }
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }  // UTF-8

std::vector<ArrayPlace> append_arrays(std::string& text, const std::vector<ArraySpec>& arrays) {
  std::vector<ArrayPlace> places;
  for (const ArraySpec& array : arrays) {
    if (!places.empty()) text += ", ";
    places.push_back(append_array(text, array));
  }
  return places;
}

/// The part of `text` around `column` (from 1) and below it a caret.
std::string marked(std::string_view text, std::size_t column) {
  // From here on each character is one byte, whatever it was before, so that the caret stands below the right
  // one.
  const std::string all = printable(text);
  const std::size_t at = std::min(column - 1, all.size());
  const std::size_t begin = at > kQuoteBefore ? at - kQuoteBefore : 0;
  const std::size_t end = std::min(all.size(), at + kQuoteBehind);
  const std::string lead = begin > 0 ? "  .. " : "  ";
  return lead + all.substr(begin, end - begin) + (end < all.size() ? " .." : "") + "\n" +
         std::string(lead.size() + at - begin, ' ') + "^";
}

}  // namespace

/// Writes an array in its canonical form and remembers where each part of it begins, so that arrays which no
/// text was parsed for have places to point to in messages.
ArrayPlace append_array(std::string& text, const ArraySpec& array) {
  ArrayPlace place{text.size(), {}};
  text += array.name + "[";
  for (const auto& axis : array.axes) {
    if (!place.axes.empty()) text += ", ";
    place.axes.push_back(text.size());
    text += axis ? *axis : ":";
  }
  text += "]";
  return place;
}

MapSpecText canonical_text(const std::vector<ArraySpec>& inputs, const std::vector<ArraySpec>& outputs) {
  MapSpecText result;
  if (inputs.empty()) result.text = "...";
  result.inputs = append_arrays(result.text, inputs);
  result.text += " -> ";
  result.outputs = append_arrays(result.text, outputs);
  return result;
}

void refuse(Category category, std::string_view text, std::size_t offset, const std::string& problem) {
  const std::size_t at = column(text, offset);
  throw Error(category,
              "bad mapspec at column " + std::to_string(at) + ": " + problem + "\n" + marked(text, at));
}

std::size_t column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return before.size() -
         static_cast<std::size_t>(std::count_if(before.begin(), before.end(), continues_character)) + 1;
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (continues_character(c)) continue;
    const bool is_space = c == '\t' || c == '\n' || c == '\r';
    result += is_space ? ' ' : (' ' <= c && c <= '~') ? c : '?';
  }
  return result;
}

std::string quoted(std::string_view text) {
  std::string shown = printable(text);
  if (shown.size() > kLongestQuote) shown = shown.substr(0, kLongestQuote) + "..";
  return "'" + shown + "'";
}

bool is_simple_identifier(std::string_view name) {
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '.'; }

}  // namespace detail

bool is_identifier(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return detail::is_simple_identifier(name);
  return detail::is_simple_identifier(name.substr(0, dot)) &&
         detail::is_simple_identifier(name.substr(dot + 1));
}

}  // namespace mpipe
