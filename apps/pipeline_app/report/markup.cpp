// SPDX-License-Identifier: BSD-3-Clause
// Escapes text for HTML and SVG, and writes numbers for people.
#include "report/markup.hpp"

#include "core/api/terminal_text.hpp"
#include "core/api/text.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace mpipe::app {
namespace {

constexpr const char* kMinus = "\u2212";
constexpr const char* kThinSpace = "\u202f";  // does not break

void append_character(std::string& to, std::string_view text, std::size_t at, std::size_t length) {
  const std::uint32_t code = code_of_character(text, at, length);
  if (code == '&')
    to += "&amp;";
  else if (code == '<')
    to += "&lt;";
  else if (code == '>')
    to += "&gt;";
  else if (code == '"')
    to += "&quot;";
  else if (code == '\'')
    to += "&#39;";
  else if (is_control_character(code))
    to += escaped_control(code);
  else
    to += text.substr(at, length);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    if (length == 0) {
      result += "\uFFFD";
      ++at;
      continue;
    }
    // Lines of documents may end as on Windows.
    const bool ends_line = text.substr(at).starts_with("\r\n");
    if (!ends_line) append_character(result, text, at, length);
    at += length;
  }
  return result;
}

std::string shortened(std::string_view text, std::size_t most) {
  std::size_t at = 0;
  for (std::size_t characters = 0; at < text.size(); ++characters) {
    if (characters == most) return std::string(text.substr(0, at)) + "..";
    const std::size_t length = character_length(text, at);
    at += length == 0 ? 1 : length;
  }
  return std::string(text);
}

std::string number_text(double value, int digits) {
  if (std::isnan(value)) return "not a number";
  if (std::isinf(value)) return value < 0 ? std::string(kMinus) + "\u221e" : "\u221e";
  if (value == 0) return "0";
  std::string text = fmt::format("{:.{}g}", std::abs(value), digits);
  // `1e+06` is `1e6`, and `1e-07` is `1e−7`.
  if (const std::size_t e = text.find('e'); e != std::string::npos) {
    const bool negative = text[e + 1] == '-';
    std::size_t first = e + 2;
    while (first + 1 < text.size() && text[first] == '0') ++first;
    text = text.substr(0, e + 1) + (negative ? kMinus : "") + text.substr(first);
  }
  return (value < 0 ? kMinus : "") + text;
}

std::string text_cell(std::string_view text) { return "<td>" + escaped(text) + "</td>"; }
std::string code_cell(std::string_view text) { return R"(<td class="text">)" + escaped(text) + "</td>"; }
std::string number_cell(std::string_view text) { return R"(<td class="number">)" + escaped(text) + "</td>"; }

std::string table_html(const std::vector<std::string>& columns, const std::string& rows,
                       std::size_t left_out) {
  std::string html = "<div class=\"wide\"><table>\n<thead><tr>";
  for (const std::string& column : columns)
    html += column.starts_with('#') ? R"(<th class="number">)" + escaped(column.substr(1)) + "</th>"
                                    : "<th>" + escaped(column) + "</th>";
  html += "</tr></thead>\n<tbody>\n" + rows;
  if (left_out > 0)
    html += fmt::format("<tr><td colspan=\"{}\">{} more</td></tr>\n", columns.size(), left_out);
  return html + "</tbody></table></div>\n";
}

std::string amount_text(std::int64_t count, std::string_view thing) {
  std::string digits = std::to_string(count);
  for (std::size_t behind = 3; behind < digits.size(); behind += 3 + std::string_view(kThinSpace).size()) {
    if (digits.size() <= 4) break;  // 1234 reads well as it is
    digits.insert(digits.size() - behind, kThinSpace);
  }
  return fmt::format("{} {}{}", digits, thing, count == 1 ? "" : "s");
}

}  // namespace mpipe::app
