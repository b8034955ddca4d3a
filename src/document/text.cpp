// SPDX-License-Identifier: BSD-3-Clause
// Suggestions, carets and columns for messages about a text.
#include "document/text.hpp"

#include "core/api/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace mpipe::detail {
namespace {

constexpr std::size_t kMostCandidates = 30;
constexpr std::size_t kShownBefore = 40;  // characters on either side of a caret
constexpr std::size_t kShownBehind = 32;

/// Whether a decimal number that no double holds is too small rather than too large: whether its first digit that
/// is not 0 stands behind the point, when the exponent has moved that.
bool is_too_small(std::string_view text) {
  const std::size_t end = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, end);
  const std::size_t first = std::min(mantissa.find_first_of("123456789"), mantissa.size());
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const double before =
      first < point ? static_cast<double>(point - first) : -static_cast<double>(first - point - 1);
  std::string_view digits = text.substr(std::min(end + 1, text.size()));
  const bool negative = digits.starts_with('-');
  double exponent = 0;  // of any number of digits
  for (const char c : digits)
    if (c >= '0' && c <= '9') exponent = 10 * exponent + (c - '0');
  return before + (negative ? -exponent : exponent) <= 0;
}

}  // namespace

Decimal read_decimal(std::string_view text) {
  Decimal decimal;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, decimal.number);
  if (parsed.ptr != end || parsed.ec == std::errc::invalid_argument) return decimal;
  decimal.form = Decimal::Form::number;
  if (parsed.ec == std::errc{}) return decimal;
  if (!is_too_small(text)) decimal.form = Decimal::Form::too_large;
  decimal.number = text.starts_with('-') ? -0.0 : 0.0;
  return decimal;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  // A name that is close is all that one needs to see; else the list of all helps, unless it is too long to
  // read.
  std::string near = did_you_mean(name, candidates);
  if (!near.empty() || candidates.empty() || candidates.size() > kMostCandidates) return near;
  return fmt::format(" There {}: {}.", candidates.size() == 1 ? "is" : "are", fmt::join(candidates, ", "));
}

std::string with_caret(std::string_view text, std::size_t offset) {
  const std::string all = printable(text, text.size());
  const std::size_t before = column_of(text, offset) - 1;
  // From here on places are counted in characters, which may have several bytes.
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < all.size(); ++at)
    if (!continues_character(all[at])) starts.push_back(at);
  const std::size_t at = std::min(before, starts.size());
  // A long text is shown around the caret only, since a line that wraps would separate the two.
  const std::size_t begin = at > kShownBefore ? at - kShownBefore : 0;
  const std::size_t end = std::min(starts.size(), at + kShownBehind);
  starts.push_back(all.size());
  const std::string lead = begin > 0 ? "  .. " : "  ";
  return fmt::format("{}{}{}\n{:>{}}", lead, all.substr(starts[begin], starts[end] - starts[begin]),
                     end + 1 < starts.size() ? " .." : "", "^", lead.size() + at - begin + 1);
}

std::size_t column_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return before.size() -
         static_cast<std::size_t>(std::count_if(before.begin(), before.end(), continues_character)) + 1;
}

}  // namespace mpipe::detail
