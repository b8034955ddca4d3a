// SPDX-License-Identifier: BSD-3-Clause
// Scopes: names of the form `scope.name`.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "core/api/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

using Names = std::vector<std::string>;

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// `name` under `scope`, in the place of the scope that it has; with an empty `scope`, without any.
std::string with_scope(const std::string& name, const std::string& scope) {
  const std::string bare = name.substr(name.find('.') + 1);
  return scope.empty() ? bare : scope + "." + bare;
}

/// Those of `known` that {"*"} stands for: a scope is given to names without one, and taken off those with one.
Names all_to_change(const Names& known, const std::string& scope) {
  Names names;
  for (const std::string& name : known)
    if (scope.empty() == (name.find('.') != std::string::npos)) names.push_back(name);
  return names;
}

/// Adds the new names of those of `chosen` ({"*"}: all `known` ones) that are not in `exclude`.
void add_scoped(const std::string& scope, const Names& chosen, const Names& known, const char* kind,
                const Names& exclude, std::map<std::string, std::string>& names) {
  for (const std::string& name : chosen == Names{"*"} ? all_to_change(known, scope) : chosen) {
    if (!contains(known, name))
      throw Error(Category::unknown_name,
                  fmt::format("'{}' gets no scope: it is not an {} of the pipeline.{}", name, kind,
                              did_you_mean(name, known)));
    if (!contains(exclude, name)) names.emplace(name, with_scope(name, scope));
  }
}

/// Refuses two names that would become one: two inputs would share their value, and nobody would notice.
void refuse_equal_names(const std::map<std::string, std::string>& names) {
  std::map<std::string, std::string> old_names;
  for (const auto& [old_name, new_name] : names) {
    const auto [other, is_new] = old_names.emplace(new_name, old_name);
    if (!is_new)
      throw Error(Category::rename_collision,
                  fmt::format("'{}' and '{}' would both be called '{}'. Exclude or rename one of them.",
                              other->second, old_name, new_name));
  }
}

}  // namespace

Pipeline Pipeline::update_scope(const std::string& scope, const Names& inputs, const Names& outputs,
                                const Names& exclude) const {
  if (!scope.empty() && (!is_identifier(scope) || scope.find('.') != std::string::npos))
    throw Error(
        Category::bad_identifier,
        fmt::format("'{}' cannot be a scope: use letters, digits and _, not starting with a digit.", scope));
  if (!scope.empty() && has_name(scope))
    throw Error(Category::scope_clash,
                fmt::format("'{}' cannot be a scope: it is a parameter or an output of the pipeline (nobody "
                            "could tell them apart in nested inputs). Rename one of them.",
                            scope));
  const PipelineInfo known = info();
  Names all_outputs = known.outputs;
  all_outputs.insert(all_outputs.end(), known.intermediate_outputs.begin(), known.intermediate_outputs.end());
  for (const std::string& name : exclude)
    if (!has_name(name))
      throw Error(Category::unknown_name, fmt::format("'{}' cannot be excluded from the scope: the pipeline "
                                                      "has no such name.",
                                                      name));
  std::map<std::string, std::string> names;
  add_scoped(scope, inputs, known.inputs, "input", exclude, names);
  add_scoped(scope, outputs, all_outputs, "output", exclude, names);
  if (names.empty())
    throw Error(Category::unknown_name,
                "no name was chosen whose scope could change. Name inputs or outputs, or \"*\" for all that "
                "have no scope yet (or, to take scopes away, for all that have one).");
  refuse_equal_names(names);
  return update_renames(names);
}

Inputs flatten(const NestedInputs& nested) {
  Inputs flat;
  const auto add = [&](const std::string& name, const Value& value) {
    // Neither of two values is preferred: which one was meant cannot be told.
    if (!flat.emplace(name, value).second)
      throw Error(
          Category::scope_conflict,
          fmt::format("Conflicting definitions for `{}`: it is given both by its full name and inside "
                      "of its scope. Give it once.",
                      name));
  };
  for (const auto& [name, entry] : nested) {
    if (const Value* value = std::get_if<Value>(&entry)) {
      add(name, *value);
      continue;
    }
    for (const auto& [member, value] : std::get<Inputs>(entry)) add(name + "." + member, value);
  }
  return flat;
}

}  // namespace mpipe
