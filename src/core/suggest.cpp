// SPDX-License-Identifier: BSD-3-Clause
// Finds the known name that a misspelt one is closest to, by edit distance.
#include "core/api/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace mpipe {
namespace {

/// Edit distance (insert, delete, replace, exchange of neighbours) by two rows of the classic table.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> before(b.size() + 1);  // the row before the last one
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::vector<std::size_t> next(b.size() + 1, i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = row[j] + (a[i] == b[j] ? 0 : 1);
      next[j + 1] = std::min({replaced, next[j] + 1, row[j + 1] + 1});
      // Two letters in the wrong order are the commonest error of typing, and count as one.
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        next[j + 1] = std::min(next[j + 1], before[j - 1] + 1);
    }
    before = std::exchange(row, std::move(next));
  }
  return row.back();
}

}  // namespace

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  constexpr std::size_t kLongestName = 64;  // longer ones are no typing errors, and the table is quadratic
  if (name.size() > kLongestName) return {};
  const std::string* best = nullptr;
  // About a third of the letters may be wrong. With more of them the suggestion would be another word, which
  // misleads more than it helps.
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > kLongestName) continue;
    const std::size_t distance = edit_distance(name, candidate);
    // A name without a letter in common, as of two that have one letter each, is another one and not misspelt.
    if (distance >= std::max(name.size(), candidate.size())) continue;
    if (distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? std::string() : " Did you mean '" + *best + "'?";
}

}  // namespace mpipe
