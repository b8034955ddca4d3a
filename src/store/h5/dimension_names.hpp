// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The names of dimensions and variables in one file, so that no two things have the same name.
#pragma once

#include "store/api/run_store.hpp"

#include <map>
#include <set>

namespace mpipe {

/// An axis in a file: its name there, and its length.
struct Dimension {
  std::string name;
  Index length = 0;
};

/// Gives axes their names in a file: the name of the axis, with `_dim` behind where an array is called so that is
/// not the coordinate of the axis, and with `_2`, `_3`, .. where unrelated axes have the same name and other
/// lengths.
class DimensionNames {
 public:
  explicit DimensionNames(std::set<std::string> variables) : variables_(std::move(variables)) {}

  /// The dimension of an axis; the same again for the same axis and length.
  Dimension dimension(const std::string& axis, Index length);
  /// A variable becomes the coordinate of its axis, which gets its name: to be called before the axis is used.
  Dimension add_coordinate(const std::string& axis, const std::string& variable, Index length);
  /// All that were given, in the order of their first use.
  const std::vector<Dimension>& all() const { return dimensions_; }

 private:
  std::set<std::string> variables_;
  std::vector<Dimension> dimensions_;
  std::map<std::pair<std::string, Index>, std::size_t> by_axis_;
};

/// The names under which parts of one output are kept: `NAME`, `NAME__status`, and what its type needs.
std::vector<std::string> variable_names(const OutputLayout& output);

/// The names of all variables of a run. Throws `Error` (bad_identifier) when two are the same, naming both
/// owners.
std::set<std::string> all_variable_names(const RunLayout& layout);

}  // namespace mpipe
