// SPDX-License-Identifier: BSD-3-Clause
// Changes mapspecs for edits of pipelines: axes added, renamed, and mapspecs nested.
#include "mapspec/api/edit.hpp"

#include <mpipe/core/error.hpp>

#include "mapspec/text.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace mpipe {
namespace {

void rename_axes(std::vector<ArraySpec>& arrays, const std::map<std::string, std::string>& names) {
  for (ArraySpec& array : arrays) {
    std::set<std::string> seen;
    for (auto& axis : array.axes) {
      if (!axis) continue;
      // Each axis is looked up once, by its old name, so that two axes may swap their names.
      const auto renamed = names.find(*axis);
      if (renamed != names.end()) axis = renamed->second;
      if (!seen.insert(*axis).second)
        throw Error(Category::rename_collision,
                    "the array '" + array.name + "' would have two axes called '" + *axis +
                        "' (an axis name belongs to one position of an array). Use another name.");
    }
  }
}

/// The axes that all of `specs` have in common. It throws when one of them makes an axis itself, or has other
/// axes than the first one; at least one of `specs` has a value.
const std::vector<std::string>& common_axes(std::span<const std::optional<MapSpec>> specs) {
  const std::optional<MapSpec>* first = nullptr;
  for (const auto& spec : specs) {
    if (!spec.has_value()) continue;
    if (first == nullptr) first = &spec;
    if (!spec->internal_axes().empty())
      throw Error(Category::nest_mapspec,
                  "the mapspec '" + spec->to_string() +
                      "' makes an axis itself, so that its function has other elements than those it would "
                      "be nested with. Leave it out of the nested function.");
    if (spec->output_axes() != (*first)->output_axes())
      throw Error(Category::nest_mapspec,
                  "cannot nest functions with different axes: '" + (*first)->to_string() + "' and '" +
                      spec->to_string() +
                      "' (a nested function has one element for one element of each). Nest those with equal "
                      "axes only.");
  }
  return (*first)->output_axes();
}

/// The one way in which all of `specs` take the array `name`; throws when there are several.
const ArraySpec* common_input(std::span<const std::optional<MapSpec>> specs, const std::string& name) {
  const ArraySpec* common = nullptr;
  for (const auto& spec : specs) {
    const ArraySpec* input = spec->find_input(name);
    if (input == nullptr) continue;
    if (common != nullptr && *common != *input)
      throw Error(Category::nest_mapspec, "the functions to nest take different parts of '" + name + "': '" +
                                              common->to_string() + "' and '" + input->to_string() +
                                              "'. Nest those that take the same only.");
    common = input;
  }
  return common;
}

}  // namespace

MapSpec with_axis(const std::optional<MapSpec>& spec, std::span<const std::string> output_names,
                  const ArraySpec& input, const std::string& axis) {
  std::vector<ArraySpec> inputs;
  std::vector<ArraySpec> outputs;
  if (spec) {
    inputs = spec->inputs();
    outputs = spec->outputs();
  } else {
    for (const std::string& name : output_names) outputs.push_back({name, {}});
  }
  // An array that was mapped over already keeps its place, so that the text of the mapspec changes as little
  // as can be.
  const auto same = std::find_if(inputs.begin(), inputs.end(),
                                 [&](const ArraySpec& array) { return array.name == input.name; });
  if (same == inputs.end())
    inputs.push_back(input);
  else
    *same = input;
  for (ArraySpec& output : outputs)
    if (!output.position(axis)) output.axes.emplace_back(axis);
  return {std::move(inputs), std::move(outputs)};
}

MapSpec with_renamed_axes(const MapSpec& spec, const std::map<std::string, std::string>& names) {
  for (const auto& [unused, name] : names)
    if (!detail::is_simple_identifier(name))
      throw Error(Category::bad_identifier,
                  detail::quoted(name) +
                      " cannot be the name of an axis: use letters, digits and _, not "
                      "starting with a digit.");
  auto inputs = spec.inputs();
  auto outputs = spec.outputs();
  rename_axes(inputs, names);
  rename_axes(outputs, names);
  return {std::move(inputs), std::move(outputs)};
}

std::optional<MapSpec> nested_mapspec(std::span<const std::optional<MapSpec>> specs,
                                      std::span<const std::string> inputs,
                                      std::span<const std::string> outputs) {
  const auto mapped =
      std::count_if(specs.begin(), specs.end(), [](const auto& spec) { return spec.has_value(); });
  if (mapped == 0) return std::nullopt;
  const std::vector<std::string>& axes = common_axes(specs);
  // Behind this check each function has a mapspec, on which `common_input` relies.
  if (static_cast<std::size_t>(mapped) != specs.size())
    throw Error(Category::nest_mapspec,
                "cannot nest functions with and without a mapspec (a nested function is called either for "
                "every element or once). Nest those with equal axes only.");
  std::vector<ArraySpec> input_arrays;
  for (const std::string& name : inputs)
    if (const ArraySpec* input = common_input(specs, name)) input_arrays.push_back(*input);
  std::vector<ArraySpec> output_arrays;
  for (const std::string& name : outputs) output_arrays.push_back({name, {axes.begin(), axes.end()}});
  return MapSpec(std::move(input_arrays), std::move(output_arrays));
}

}  // namespace mpipe
