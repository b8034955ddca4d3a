// SPDX-License-Identifier: BSD-3-Clause
// Suggestions, carets and columns for messages about a text.
#include "document/text.hpp"

#include "core/api/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe::detail {
namespace {

constexpr std::size_t kMostCandidates = 30;
constexpr std::size_t kShownBefore = 40;  // characters on either side of a caret
constexpr std::size_t kShownBehind = 32;

}  // namespace

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  // A name that is close is all that one needs to see; else the list of all helps, unless it is too long to
  // read.
  std::string near = did_you_mean(name, candidates);
  if (!near.empty() || candidates.empty() || candidates.size() > kMostCandidates) return near;
  return fmt::format(" There {}: {}.", candidates.size() == 1 ? "is" : "are", fmt::join(candidates, ", "));
}

std::string with_caret(std::string_view text, std::size_t offset) {
  const std::string all = printable(text, text.size());
  const std::size_t at = std::min(column_of(text, offset) - 1, all.size());
  // A long text is shown around the caret only, since a line that wraps would separate the two.
  const std::size_t begin = at > kShownBefore ? at - kShownBefore : 0;
  const std::size_t end = std::min(all.size(), at + kShownBehind);
  const std::string lead = begin > 0 ? "  .. " : "  ";
  return fmt::format("{}{}{}\n{:>{}}", lead, all.substr(begin, end - begin), end < all.size() ? " .." : "",
                     "^", lead.size() + at - begin + 1);
}

std::size_t column_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return before.size() -
         static_cast<std::size_t>(std::count_if(before.begin(), before.end(), continues_character)) + 1;
}

}  // namespace mpipe::detail
