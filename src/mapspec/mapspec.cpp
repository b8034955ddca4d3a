// SPDX-License-Identifier: BSD-3-Clause
// What a checked mapspec knows: its arrays, its external and internal axes, its canonical text.
#include <mpipe/mapspec/mapspec.hpp>

#include "mapspec/text.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace mpipe {
namespace {

const ArraySpec* find(const std::vector<ArraySpec>& arrays, std::string_view name) {
  const auto at =
      std::find_if(arrays.begin(), arrays.end(), [&](const ArraySpec& a) { return a.name == name; });
  return at == arrays.end() ? nullptr : &*at;
}

}  // namespace

std::optional<std::size_t> ArraySpec::position(std::string_view axis) const {
  const auto at = std::find(axes.begin(), axes.end(), axis);
  if (at == axes.end()) return std::nullopt;
  return static_cast<std::size_t>(at - axes.begin());
}

std::string ArraySpec::to_string() const {
  std::string text;
  detail::append_array(text, *this);
  return text;
}

MapSpec MapSpec::parse(std::string_view text) {
  detail::ParsedMapSpec parsed = detail::parse_grammar(text);
  // Checked here as well as in the constructor, so that messages point into the text as it was written.
  detail::check_invariants(parsed.inputs, parsed.outputs, parsed.source);
  return MapSpec(std::move(parsed.inputs), std::move(parsed.outputs));
}

MapSpec::MapSpec(std::vector<ArraySpec> inputs, std::vector<ArraySpec> outputs)
    : inputs_(std::move(inputs)), outputs_(std::move(outputs)) {
  detail::check_invariants(inputs_, outputs_, detail::canonical_text(inputs_, outputs_));
  // An axis of the outputs that an input has as well is external: it numbers the calls. The others are
  // internal, and a single call returns all of their positions.
  std::set<std::string_view> mapped;
  for (const ArraySpec& input : inputs_)
    for (const auto& axis : input.axes)
      if (axis) mapped.insert(*axis);
  for (const auto& axis : outputs_.front().axes) {
    output_axes_.push_back(*axis);
    external_.push_back(mapped.count(*axis) != 0);
  }
}

const ArraySpec* MapSpec::find_input(std::string_view name) const { return find(inputs_, name); }
const ArraySpec* MapSpec::find_output(std::string_view name) const { return find(outputs_, name); }

std::vector<std::string> MapSpec::external_axes() const {
  std::vector<std::string> axes;
  for (std::size_t k = 0; k < output_axes_.size(); ++k)
    if (external_[k]) axes.push_back(output_axes_[k]);
  return axes;
}

std::vector<std::string> MapSpec::internal_axes() const {
  std::vector<std::string> axes;
  for (std::size_t k = 0; k < output_axes_.size(); ++k)
    if (!external_[k]) axes.push_back(output_axes_[k]);
  return axes;
}

std::string MapSpec::to_string() const { return detail::canonical_text(inputs_, outputs_).text; }

/// All names change at once, so that two arrays may swap theirs. The result is checked like any other
/// mapspec: two arrays could have got one name.
MapSpec MapSpec::renamed(const std::map<std::string, std::string>& names) const {
  const auto rename = [&](std::vector<ArraySpec> arrays) {
    for (ArraySpec& array : arrays)
      if (const auto at = names.find(array.name); at != names.end()) array.name = at->second;
    return arrays;
  };
  return MapSpec(rename(inputs_), rename(outputs_));
}

}  // namespace mpipe
