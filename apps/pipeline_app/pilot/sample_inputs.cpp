// SPDX-License-Identifier: BSD-3-Clause
// Draws positions of axes, and cuts the inputs to them.
#include "pilot/sample_inputs.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/mapspec/mapspec.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <optional>
#include <random>
#include <set>

namespace mpipe::app {
namespace {

using AxisNames = std::map<std::string, std::vector<std::optional<std::string>>>;

AxisNames names_of_axes(const Plan& plan) {
  std::vector<MapSpec> specs;
  for (const Stage& stage : plan.stages())
    for (const FunctionId id : stage.functions)
      if (const auto& spec = plan.pipeline().function(id).mapspec) specs.push_back(*spec);
  return axes_of_arrays(specs);
}

/// The axes that inputs have, and how long they are.
std::map<std::string, Index> input_axes(const AxisNames& names, const Inputs& inputs) {
  std::map<std::string, Index> extents;
  for (const auto& [name, value] : inputs) {
    const auto found = names.find(name);
    if (found == names.end()) continue;
    for (std::size_t axis = 0; axis < std::min(value.rank(), found->second.size()); ++axis)
      if (found->second[axis]) extents[*found->second[axis]] = value.shape()[axis];
  }
  return extents;
}

/// How many positions of each axis are drawn. Those over most axes decide first, which together have most elements.
std::map<std::string, Index> counts_of(const Plan& plan, const std::map<std::string, Index>& extents,
                                       Index elements) {
  std::multimap<std::size_t, std::vector<std::string>, std::greater<>> by_axes;
  for (const Stage& stage : plan.stages()) {
    std::vector<std::string> axes;
    for (const std::string& axis : stage.axes)
      if (extents.contains(axis)) axes.push_back(axis);
    if (!axes.empty()) by_axes.emplace(axes.size(), std::move(axes));
  }
  std::map<std::string, Index> counts;
  for (const auto& [number, axes] : by_axes) {
    std::vector<std::string> fresh;
    std::copy_if(axes.begin(), axes.end(), std::back_inserter(fresh),
                 [&](const std::string& axis) { return !counts.contains(axis); });
    const double root = std::pow(static_cast<double>(elements), 1.0 / static_cast<double>(number));
    // A root that should be whole may come out a little larger.
    const auto along = static_cast<Index>(std::ceil(root - 1e-9));
    for (const std::string& axis : fresh) counts[axis] = std::min(extents.at(axis), along);
    // Where an axis is shorter than that, the others make up for it.
    for (const std::string& axis : fresh) {
      Index others = 1;
      for (const std::string& other : axes)
        if (other != axis) others *= std::max<Index>(1, counts.at(other));
      counts[axis] = std::max(counts[axis], std::min(extents.at(axis), (elements + others - 1) / others));
    }
  }
  return counts;
}

std::vector<Index> draw(Index extent, Index count, std::mt19937_64& random) {
  // Floyd's way to draw without drawing twice: as many numbers as are wanted, however long the axis is.
  std::set<Index> drawn;
  for (Index k = extent - count; k < extent; ++k) {
    const Index at = static_cast<Index>(random() % static_cast<std::uint64_t>(k + 1));
    if (!drawn.insert(at).second) drawn.insert(k);
  }
  return {drawn.begin(), drawn.end()};
}

/// An axis that no input has is as long as the functions make it; it can be cut where no function needs all of it.
void cut_other_axes(const Plan& plan, const MapOptions& options, const std::map<std::string, Index>& extents,
                    Index elements, SampledSweep& sweep) {
  std::set<std::string> others;
  for (const Stage& stage : plan.stages())
    for (const std::string& axis : stage.axes)
      if (!extents.contains(axis)) others.insert(axis);
  for (const std::string& axis : others) {
    FixedIndices fixed = sweep.fixed;
    fixed[axis] = Slice{0, elements, 1};
    try {
      const Plan cut(plan.pipeline(), {sweep.inputs, options.outputs, fixed, options.internal_shapes});
      sweep.fixed = std::move(fixed);
    } catch (const Error& error) {
      if (error.category() != Category::fixed_reduced_axis) throw;
    }
  }
}

}  // namespace

Value take_along(const Value& value, std::size_t axis, const std::vector<Index>& positions) {
  Index before = 1;
  Index behind = 1;
  for (std::size_t k = 0; k < value.rank(); ++k) {
    if (k < axis) before *= value.shape()[k];
    if (k > axis) behind *= value.shape()[k];
  }
  Shape shape = value.shape();
  shape[axis] = static_cast<Index>(positions.size());
  Bytes bytes;
  std::vector<std::uint64_t> offsets;
  if (!value.type().fixed_size()) offsets.push_back(0);
  for (Index row = 0; row < before; ++row)
    for (const Index position : positions) {
      const Index first = (row * value.shape()[axis] + position) * behind;
      value.fetch({first, first + behind});
      for (Index k = first; k < first + behind; ++k) {
        const std::span<const std::byte> element = value.element(k);
        bytes.insert(bytes.end(), element.begin(), element.end());
        if (!value.type().fixed_size()) offsets.push_back(bytes.size());
      }
    }
  return Value::copy_of(value.type(), std::move(shape), bytes, offsets);
}

SampledSweep sample_sweep(const Plan& plan, const Inputs& inputs, const MapOptions& options, Index elements) {
  const AxisNames names = names_of_axes(plan);
  const std::map<std::string, Index> extents = input_axes(names, inputs);
  SampledSweep sweep{inputs, {}, {}};
  std::mt19937_64 random(options.seed);
  for (const auto& [axis, count] : counts_of(plan, extents, elements))
    sweep.positions[axis] = draw(extents.at(axis), count, random);
  for (auto& [name, value] : sweep.inputs) {
    const auto found = names.find(name);
    if (found == names.end()) continue;
    for (std::size_t axis = 0; axis < std::min(value.rank(), found->second.size()); ++axis) {
      const auto drawn =
          found->second[axis] ? sweep.positions.find(*found->second[axis]) : sweep.positions.end();
      if (drawn != sweep.positions.end()) value = take_along(value, axis, drawn->second);
    }
  }
  cut_other_axes(plan, options, extents, elements, sweep);
  return sweep;
}

}  // namespace mpipe::app
