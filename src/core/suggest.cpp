// SPDX-License-Identifier: BSD-3-Clause
// Finds the known name that a misspelt one is closest to, by edit distance.
#include "core/api/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace mpipe {
namespace {

/// Edit distance (insert, delete, replace) by one row of the classic table.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      // `row[j]` is of this row already and `row[j + 1]` still of the row before; of that row the entry to
      // the left is needed too, which was overwritten one step ago and lives on in `diagonal`.
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
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
