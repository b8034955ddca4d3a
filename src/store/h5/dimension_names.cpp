// SPDX-License-Identifier: BSD-3-Clause
// Chooses names of dimensions that differ from all other names in the file.
#include "store/h5/dimension_names.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {

Dimension DimensionNames::dimension(const std::string& axis, Index length) {
  const auto [known, is_new] = by_axis_.try_emplace({axis, length}, dimensions_.size());
  if (!is_new) return dimensions_[known->second];
  // A dimension is an object of the file like a variable, so that the two must not share a name.
  std::string base = axis;
  while (variables_.contains(base)) base += "_dim";
  const auto taken = [&](const std::string& name) {
    return variables_.contains(name) ||
           std::any_of(dimensions_.begin(), dimensions_.end(),
                       [&](const Dimension& other) { return other.name == name; });
  };
  std::string name = base;
  for (int k = 2; taken(name); ++k) name = base + "_" + std::to_string(k);
  return dimensions_.emplace_back(Dimension{name, length});
}

Dimension DimensionNames::add_coordinate(const std::string& axis, const std::string& variable, Index length) {
  by_axis_[{axis, length}] = dimensions_.size();
  return dimensions_.emplace_back(Dimension{variable, length});
}

std::vector<std::string> variable_names(const OutputLayout& output) {
  const std::string& name = output.name;
  std::vector<std::string> names{name, name + "__status"};
  const ElementType& item = output.type->kind == Kind::array ? *output.type->item : *output.type;
  if (item.kind == Kind::complex64 || item.kind == Kind::complex128)
    names.insert(names.end(), {name + "__re", name + "__im"});
  switch (output.type->kind) {
    case Kind::string:
      names.insert(names.end(), {name + "__offset", name + "__bytes"});
      break;
    case Kind::array:
      names.insert(names.end(), {name + "__count", name + "__shape", name + "__offset", name + "__bytes"});
      break;
    case Kind::object:
      names.insert(names.end(), {name + "__offset", name + "__bytes"});
      break;
    default:
      break;
  }
  return names;
}

std::set<std::string> all_variable_names(const RunLayout& layout) {
  std::map<std::string, std::string> owners;
  const auto claim = [&](const std::string& variable, const std::string& owner) {
    const auto [at, is_new] = owners.try_emplace(variable, owner);
    if (is_new) return;
    throw Error(Category::bad_identifier, fmt::format("'{}' is needed twice in the results file: for '{}' "
                                                      "and for '{}' (marks and parts of an output are "
                                                      "kept beside it under such names). Rename one of them.",
                                                      variable, at->second, owner));
  };
  const auto check = [](const std::string& name) {
    if (!is_identifier(name))
      throw Error(Category::bad_identifier,
                  fmt::format("'{}' cannot be the name of a variable in the results file.", name));
  };
  for (const InputLayout& input : layout.inputs) {
    check(input.name);
    claim(input.name, input.name);
  }
  for (const OutputLayout& output : layout.outputs) {
    check(output.name);
    for (const std::string& variable : variable_names(output)) claim(variable, output.name);
  }
  std::set<std::string> names;
  for (const auto& [variable, owner] : owners) names.insert(variable);
  return names;
}

}  // namespace mpipe
