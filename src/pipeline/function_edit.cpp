// SPDX-License-Identifier: BSD-3-Clause
// Changes of functions that are complete: names, scopes, values.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/function.hpp>

#include "core/api/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe {
namespace {

template <class T>
std::map<std::string, T> renamed_keys(std::map<std::string, T> values,
                                      const std::map<std::string, std::string>& names) {
  std::map<std::string, T> result;
  for (auto& [name, value] : values) {
    const auto found = names.find(name);
    result.emplace(found == names.end() ? name : found->second, std::move(value));
  }
  return result;
}

}  // namespace

Function& Function::scope(const std::string& scope) {
  if (!scope.empty() && (!is_identifier(scope) || scope.find('.') != std::string::npos))
    throw Error(
        Category::bad_identifier,
        fmt::format("'{}' cannot be a scope: use letters, digits and _, not starting with a digit.", scope));
  std::map<std::string, std::string> names;
  for (const auto& current : {parameter_names(), output_names()}) {
    for (const std::string& name : current) {
      // The scope of an earlier call gives way. Any other scope says where the name belongs in the pipeline,
      // such as that of the output which a parameter takes, and stays.
      const bool has_own = !scope_.empty() && name.starts_with(scope_ + ".");
      const std::string bare = has_own ? name.substr(scope_.size() + 1) : name;
      if (bare.find('.') != std::string::npos) continue;
      if (bare == scope)
        throw Error(Category::scope_clash,
                    fmt::format("'{}' is the scope and a name of function '{}' at once (nobody could tell "
                                "them apart in nested inputs). Rename one of them.",
                                scope, this->name()));
      names.emplace(name, scope.empty() ? bare : scope + "." + bare);
    }
  }
  update_renames(names);
  scope_ = scope;
  return *this;
}

Function& Function::update_renames(const std::map<std::string, std::string>& names, NamesFrom from,
                                   bool overwrite) {
  std::set<std::string> unknown;
  for (const auto& [name, unused] : names) unknown.insert(name);
  // Names are looked up as they are before the change, also with `overwrite`: the list is applied as a whole,
  // so that two names may be exchanged.
  auto renames = overwrite ? std::map<std::string, std::string>{} : renames_;
  for (const auto* own_names : {&parameters_, &outputs_}) {
    for (const std::string& own : *own_names) {
      const std::string& name = from == NamesFrom::original ? own : renamed(own);
      const auto found = names.find(name);
      if (found == names.end()) continue;
      unknown.erase(name);
      renames[own] = found->second;
    }
  }
  if (!unknown.empty())
    throw Error(Category::unknown_name,
                fmt::format("'{}' cannot be renamed: it is neither a parameter nor an output of function "
                            "'{}' ({}; {}).",
                            *unknown.begin(), name(), fmt::join(parameter_names(), ", "),
                            fmt::join(output_names(), ", ")));
  set_renames(std::move(renames));
  return *this;
}

void Function::set_renames(std::map<std::string, std::string> renames) {
  std::map<std::string, std::string> changes;
  // The old renames are needed below, to find the current name of everything that moves to a new one.
  const Function before = *this;
  renames_ = std::move(renames);
  // Two names that would become one are refused before values move to new names, where one of them would get
  // lost.
  check_names();
  for (const auto* own_names : {&parameters_, &outputs_})
    for (const std::string& own : *own_names) changes.emplace(before.renamed(own), renamed(own));
  if (mapspec_) mapspec_ = mapspec_->renamed(changes);
  if (generated_) generated_ = generated_->renamed(changes);
  defaults_ = renamed_keys(std::move(defaults_), changes);
  bound_ = renamed_keys(std::move(bound_), changes);
  attributes_ = renamed_keys(std::move(attributes_), changes);
}

Function& Function::update_defaults(const Inputs& values, bool overwrite) {
  if (overwrite) defaults_.clear();
  for (const auto& [name, value] : values) defaults_[name] = value;
  check_values();
  return *this;
}

Function& Function::update_bound(const Inputs& values, bool overwrite) {
  if (overwrite) bound_.clear();
  for (const auto& [name, value] : values) {
    bound_[name] = value;
    defaults_.erase(name);  // nobody can fall back on it any more
  }
  check_values();
  check_mapspec();
  return *this;
}

/// Connects each function to the one before it. A connection by name is left as it is; else the first
/// parameter that is not bound takes the first output.
std::vector<Function> chain(std::vector<Function> functions) {
  for (std::size_t k = 1; k < functions.size(); ++k) {
    const auto outputs = functions[k - 1].output_names();
    const auto parameters = functions[k].parameter_names();
    const auto is_taken = [&](const std::string& output) {
      return std::find(parameters.begin(), parameters.end(), output) != parameters.end();
    };
    if (std::any_of(outputs.begin(), outputs.end(), is_taken)) continue;
    const auto free = std::find_if(parameters.begin(), parameters.end(), [&](const std::string& name) {
      return !functions[k].bound_values().contains(name);
    });
    if (free == parameters.end())
      throw Error(Category::unknown_name,
                  fmt::format("function '{}' has no parameter that could take '{}' of the function before it "
                              "in the chain.",
                              functions[k].name(), outputs.front()));
    functions[k].update_renames({{*free, outputs.front()}});
  }
  return functions;
}

}  // namespace mpipe
