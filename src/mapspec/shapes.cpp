// SPDX-License-Identifier: BSD-3-Clause
// Finds the shapes that a mapspec gives its outputs, from those of its inputs.
#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include <algorithm>

namespace mpipe {
namespace {

using Shapes = std::map<std::string, PartialShape>;

const PartialShape& shape_of(const ArraySpec& input, const Shapes& shapes) {
  const auto at = shapes.find(input.name);
  if (at == shapes.end()) throw Bug("the shape of the mapped input '" + input.name + "' was not given");
  return at->second;
}

void check_rank(const MapSpec& spec, const ArraySpec& input, const PartialShape& shape) {
  if (shape.size() == input.rank()) return;
  throw Error(
      Category::rank_mismatch,
      "the array '" + input.name + "' has the shape " + to_string(shape) + ", but '" + input.to_string() +
          "' in the mapspec '" + spec.to_string() + "' needs " + std::to_string(input.rank()) +
          (input.rank() == 1 ? " axis" : " axes") +
          " (each entry in the brackets stands for one axis). Give an array of that rank, or change the "
          "mapspec; ':' stands for a whole axis.",
      {Subject::Kind::parameter, input.name});
}

[[noreturn]] void refuse_lengths(const MapSpec& spec, const std::string& axis, const Shapes& shapes) {
  std::string lengths;
  std::string first;
  for (const ArraySpec& input : spec.inputs()) {
    const auto position = input.position(axis);
    if (!position) continue;
    if (first.empty()) first = input.name;
    const PartialShape& shape = shape_of(input, shapes);
    if (!lengths.empty()) lengths += ", ";
    lengths += "'" + input.name + "' has " + (shape[*position] ? std::to_string(*shape[*position]) : "?") +
               " (shape " + to_string(shape) + ")";
  }
  throw Error(
      Category::dimension_mismatch,
      "the arrays along the axis '" + axis + "' of the mapspec '" + spec.to_string() +
          "' differ in length: " + lengths +
          " (their elements are taken pairwise). Give arrays of the same length, or different axis names for "
          "all combinations.",
      {Subject::Kind::parameter, first});
}

/// Length of `axis` as far as the inputs know it.
std::optional<Index> common_length(const MapSpec& spec, const std::string& axis, const Shapes& shapes) {
  std::optional<Index> common;
  for (const ArraySpec& input : spec.inputs()) {
    const auto position = input.position(axis);
    if (!position) continue;
    const std::optional<Index> length = shape_of(input, shapes)[*position];
    // A length that is not known yet contradicts no other. It is compared when it is known, as shapes are
    // then computed again.
    if (common && length && *common != *length) refuse_lengths(spec, axis, shapes);
    if (!common) common = length;
  }
  return common;
}

}  // namespace

PartialShape external_shape(const MapSpec& spec, const Shapes& input_shapes) {
  // All ranks are checked before any length, since lengths are looked up by the position of an axis in the
  // mapspec.
  for (const ArraySpec& input : spec.inputs()) check_rank(spec, input, shape_of(input, input_shapes));
  PartialShape shape;
  for (const std::string& axis : spec.external_axes())
    shape.push_back(common_length(spec, axis, input_shapes));
  return shape;
}

PartialShape output_shape(const MapSpec& spec, const PartialShape& external, const PartialShape& internal) {
  const std::vector<bool>& is_external = spec.external_mask();
  const auto external_count =
      static_cast<std::size_t>(std::count(is_external.begin(), is_external.end(), true));
  if (external.size() != external_count || internal.size() != is_external.size() - external_count)
    throw Bug("the shapes " + to_string(external) + " and " + to_string(internal) +
              " do not fit the mapspec '" + spec.to_string() + "'");
  PartialShape shape;
  auto next_external = external.begin();
  auto next_internal = internal.begin();
  for (const bool external_axis : is_external)
    shape.push_back(external_axis ? *next_external++ : *next_internal++);
  return shape;
}

}  // namespace mpipe
