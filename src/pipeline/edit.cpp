// SPDX-License-Identifier: BSD-3-Clause
// Pipelines from pipelines: other functions, other names, other values.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "core/api/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe {
namespace {

/// Refuses the names that no function took: a misspelt one would otherwise change nothing, and nobody would
/// notice.
void refuse_unused(const std::set<std::string>& unused, const char* what,
                   const std::vector<std::string>& known) {
  if (unused.empty()) return;
  throw Error(Category::unknown_name,
              fmt::format("{}: {} (no function of the pipeline has that name).{}", what,
                          fmt::join(unused, ", "), did_you_mean(*unused.begin(), known)));
}

template <class Map>
std::set<std::string> keys(const Map& map) {
  std::set<std::string> names;
  for (const auto& [name, unused] : map) names.insert(name);
  return names;
}

/// The part of `values` whose names are in `names`, which is taken off `unused`.
template <class T>
std::map<std::string, T> part_for(const std::map<std::string, T>& values,
                                  const std::vector<std::string>& names, std::set<std::string>& unused) {
  std::map<std::string, T> part;
  for (const std::string& name : names) {
    const auto found = values.find(name);
    if (found == values.end()) continue;
    part.insert(*found);
    unused.erase(name);
  }
  return part;
}

}  // namespace

std::vector<Function> Pipeline::editable() const {
  return functions_where(std::vector<bool>(graph_->nodes.size(), true));
}

std::vector<Function> Pipeline::functions_where(const std::vector<bool>& mask) const {
  std::vector<Function> functions;
  for (std::size_t k = 0; k < graph_->nodes.size(); ++k) {
    if (!mask[k]) continue;
    functions.push_back(graph_->nodes[k].function);
    // A mapspec that was generated because somebody indexed the outputs is handed on, as that somebody may be
    // missing from the new pipeline.
    if (graph_->nodes[k].generated) functions.back().generated_ = graph_->nodes[k].mapspec;
  }
  return functions;
}

std::vector<bool> Pipeline::mask_of(const std::vector<std::string>& outputs) const {
  if (outputs == std::vector<std::string>{"*"}) return std::vector<bool>(graph_->nodes.size(), true);
  std::vector<bool> mask(graph_->nodes.size(), false);
  for (const std::string& output : outputs) mask[producer_of(output).value] = true;
  return mask;
}

Pipeline Pipeline::isolate(const std::vector<std::string>& outputs, Isolation where) const {
  auto functions = editable();
  const std::vector<bool> mask = mask_of(outputs);
  for (std::size_t k = 0; k < functions.size(); ++k)
    if (mask[k]) functions[k].isolation(where);
  return Pipeline(std::move(functions));
}

Pipeline Pipeline::add(std::vector<Function> functions) const {
  auto all = editable();
  std::move(functions.begin(), functions.end(), std::back_inserter(all));
  return Pipeline(std::move(all));
}

Pipeline Pipeline::drop(const std::vector<std::string>& outputs) const {
  auto kept = mask_of(outputs);
  kept.flip();
  return Pipeline(functions_where(kept));
}

Pipeline Pipeline::replace(Function function) const {
  const std::string output = function.name();
  return replace(output, std::move(function));
}

Pipeline Pipeline::replace(const std::string& output, Function function) const {
  auto functions = editable();
  functions[producer_of(output).value] = std::move(function);
  return Pipeline(std::move(functions));
}

Pipeline Pipeline::join(const Pipeline& other) const { return add(other.editable()); }

std::vector<Pipeline> Pipeline::split_disconnected() const {
  // Each name joins the functions that have it: the group of a function is the smallest number in it.
  std::vector<std::size_t> group(graph_->nodes.size());
  for (std::size_t k = 0; k < group.size(); ++k) group[k] = k;
  const auto find = [&](std::size_t k) {
    while (group[k] != k) k = group[k] = group[group[k]];
    return k;
  };
  std::vector<std::optional<std::size_t>> first_with(graph_->slots.size());
  const auto meet = [&](std::uint32_t slot, std::size_t k) {
    auto& first = first_with[slot];
    if (!first) first = k;
    const std::size_t a = find(*first);
    const std::size_t b = find(k);
    // The smaller number wins, so that the groups come in the order of their first functions, however they
    // were joined.
    group[std::max(a, b)] = std::min(a, b);
  };
  for (std::size_t k = 0; k < graph_->nodes.size(); ++k) {
    for (const std::uint32_t slot : graph_->nodes[k].output_slots) meet(slot, k);
    for (const ParameterNode& parameter : graph_->nodes[k].parameters)
      if (parameter.source != Source::bound) meet(parameter.slot, k);
  }
  std::map<std::size_t, std::vector<Function>> groups;
  const auto functions = editable();
  for (std::size_t k = 0; k < functions.size(); ++k) groups[find(k)].push_back(functions[k]);
  std::vector<Pipeline> pipelines;
  for (auto& [unused, members] : groups) pipelines.emplace_back(std::move(members));
  return pipelines;
}

Pipeline Pipeline::update_defaults(const Inputs& values, bool overwrite) const {
  auto functions = editable();
  auto unused = keys(values);
  for (Function& function : functions) {
    auto free = function.parameter_names();
    // A bound parameter is no input of this function: a default for it could never be used.
    std::erase_if(free, [&](const std::string& name) { return function.bound_values().contains(name); });
    const auto part = part_for(values, free, unused);
    // With `overwrite` functions that no value is for lose their defaults too, as the given ones replace all.
    if (overwrite || !part.empty()) function.update_defaults(part, overwrite);
  }
  refuse_unused(unused, "these defaults cannot be set", root_args());
  return Pipeline(std::move(functions));
}

Pipeline Pipeline::update_renames(const std::map<std::string, std::string>& names, NamesFrom from,
                                  bool overwrite) const {
  auto functions = editable();
  auto unused = keys(names);
  std::vector<std::string> known;
  for (Function& function : functions) {
    auto own = from == NamesFrom::current ? function.parameter_names() : function.parameters_;
    const auto outputs = from == NamesFrom::current ? function.output_names() : function.outputs_;
    own.insert(own.end(), outputs.begin(), outputs.end());
    const auto part = part_for(names, own, unused);
    if (overwrite || !part.empty()) function.update_renames(part, from, overwrite);
    known.insert(known.end(), own.begin(), own.end());
  }
  refuse_unused(unused, "these names cannot be changed", known);
  return Pipeline(std::move(functions));
}

Pipeline Pipeline::update_bound(const std::string& output, const Inputs& values, bool overwrite) const {
  auto functions = editable();
  functions[producer_of(output).value].update_bound(values, overwrite);
  // A default is that of all functions that take the parameter, whichever of them was given it: it stays with
  // the others.
  for (Function& function : functions)
    for (const std::string& name : function.parameter_names())
      if (const Value* value = default_of(name);
          value != nullptr && values.contains(name) && !function.bound_values().contains(name))
        function.update_defaults({{name, *value}});
  return Pipeline(std::move(functions));
}

}  // namespace mpipe
