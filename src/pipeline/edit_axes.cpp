// SPDX-License-Identifier: BSD-3-Clause
// Axes of the mapspecs of a pipeline: other names, and more of them.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "core/api/suggest.hpp"
#include "mapspec/api/edit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe {
namespace {

using AxisNames = std::vector<std::optional<std::string>>;

std::vector<std::string> split_axes(const std::string& text) {
  std::vector<std::string> axes;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    std::string axis = text.substr(begin, comma - begin);
    axis.erase(0, axis.find_first_not_of(" \t"));
    axis.erase(axis.find_last_not_of(" \t") + 1);
    if (!is_identifier(axis) || axis.find('.') != std::string::npos)
      throw Error(Category::bad_identifier,
                  fmt::format("'{}' is not the name of an axis, or a list of names such as 'i, j'.", text));
    axes.push_back(std::move(axis));
    begin = comma + 1;
  }
  return axes;
}

/// Adds axes to arrays and to all that is computed from them. An array that had the axis before is left as it
/// is, with all that is computed from it: it still has the same shape, and a reduction over it its meaning.
class AxisAdder {
 public:
  explicit AxisAdder(const Pipeline& pipeline) : pipeline_(pipeline), changed_(pipeline.functions().size()) {
    std::vector<MapSpec> mapspecs;
    for (const FunctionNode& node : pipeline.functions()) {
      specs_.push_back(node.mapspec);
      if (node.mapspec) mapspecs.push_back(*node.mapspec);
    }
    arrays_ = axes_of_arrays(mapspecs);
    for (const FunctionId id : pipeline.topological_order())
      for (const ParameterNode& parameter : pipeline.function(id).parameters)
        if (parameter.source != Source::bound) consumers_[parameter.name].push_back(id);
  }

  bool is_taken(const std::string& name) const { return consumers_.contains(name); }

  /// Depth first: what a consumer makes gets the axis before the next consumer does, which gives the inputs
  /// of mapspecs an order that does not depend on how functions were listed.
  void add(const std::string& array, const std::string& axis) {
    std::vector<Step> path;
    enter(array, axis, path);
    while (!path.empty()) {
      Step& step = path.back();
      const auto& consumers = consumers_of(step.array);
      if (step.consumer == consumers.size()) {
        path.pop_back();
        continue;
      }
      const FunctionId id = consumers[step.consumer];
      const auto& outputs = pipeline_.function(id).outputs;
      if (step.output == 0) add_to(id, step.array, axis);
      if (step.output == outputs.size() || had_axis(id, axis)) {
        ++step.consumer;
        step.output = 0;
      } else {
        enter(outputs[step.output++], axis, path);
      }
    }
  }

  /// The new mapspec of a function; nullptr when it is as it was.
  const MapSpec* changed(std::size_t id) const { return changed_[id] ? &*specs_[id] : nullptr; }

 private:
  /// A place on the way down: an array, the number of its consumer, and of the next output of that.
  struct Step {
    std::string array;
    std::size_t consumer = 0;
    std::size_t output = 0;
  };

  const std::vector<FunctionId>& consumers_of(const std::string& array) const {
    static const std::vector<FunctionId> kNone;
    const auto found = consumers_.find(array);
    return found == consumers_.end() ? kNone : found->second;
  }

  /// Goes on to an array, unless it got this axis before: many ways may lead to one array, and walking on
  /// from it each time would take exponential time.
  void enter(const std::string& array, const std::string& axis, std::vector<Step>& path) {
    if (!done_.emplace(array, axis).second) return;
    AxisNames& axes = arrays_[array];
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) return;
    axes.emplace_back(axis);
    path.push_back({array});
  }

  /// Whether the outputs of a function had the axis before any was added.
  bool had_axis(FunctionId id, const std::string& axis) const {
    const auto& spec = pipeline_.function(id).mapspec;
    return spec && spec->outputs().front().position(axis).has_value();
  }

  /// A function makes an axis in each call, or is called per position of an array along it.
  void refuse_made_axis(FunctionId id, const std::string& array, const std::string& axis) const {
    const FunctionNode& node = pipeline_.function(id);
    if (!node.mapspec) return;
    const auto made = node.mapspec->internal_axes();
    if (std::find(made.begin(), made.end(), axis) == made.end()) return;
    throw Error(
        Category::axes_inconsistent,
        fmt::format("'{}' cannot get the axis '{}': the function '{}', which takes it, makes the axis "
                    "'{}' of its outputs itself ('{}'). Use an axis of another name.",
                    array, axis, node.name(), axis, node.mapspec->to_string()),
        {Subject::Kind::parameter, array});
  }

  void add_to(FunctionId id, const std::string& array, const std::string& axis) {
    refuse_made_axis(id, array, axis);
    std::optional<MapSpec>& spec = specs_[id.value];
    const AxisNames& axes = arrays_[array];
    ArraySpec input{array, {}};
    if (const ArraySpec* now = spec ? spec->find_input(array) : nullptr) input = *now;
    // Axes that this function did not mention stay whole, which is what an empty name says.
    input.axes.resize(axes.size());
    input.axes[static_cast<std::size_t>(std::find(axes.begin(), axes.end(), axis) - axes.begin())] = axis;
    spec = with_axis(spec, pipeline_.function(id).outputs, input, axis);
    changed_[id.value] = true;
  }

  const Pipeline& pipeline_;
  std::vector<std::optional<MapSpec>> specs_;
  std::vector<bool> changed_;
  std::map<std::string, AxisNames> arrays_;
  std::map<std::string, std::vector<FunctionId>> consumers_;  ///< producers first
  std::set<std::pair<std::string, std::string>> done_;        ///< array, axis
};

}  // namespace

Pipeline Pipeline::add_mapspec_axis(const std::vector<std::string>& parameters,
                                    const std::string& axes) const {
  AxisAdder adder(*this);
  for (const std::string& parameter : parameters) {
    if (!adder.is_taken(parameter))
      throw Error(Category::unknown_name,
                  fmt::format("no function takes '{}', so no axis can be added to it.{}", parameter,
                              did_you_mean(parameter, root_args())));
    for (const std::string& axis : split_axes(axes)) adder.add(parameter, axis);
  }
  auto functions = editable();
  for (std::size_t id = 0; id < functions.size(); ++id)
    if (const MapSpec* spec = adder.changed(id)) functions[id].mapspec_ = *spec;
  return Pipeline(std::move(functions));
}

Pipeline Pipeline::update_mapspec_axes(const std::map<std::string, std::string>& names) const {
  std::set<std::string> known;
  for (const FunctionNode& node : graph_->nodes) {
    if (!node.mapspec) continue;
    known.insert(node.mapspec->output_axes().begin(), node.mapspec->output_axes().end());
  }
  for (const auto& [axis, unused] : names)
    if (!known.contains(axis))
      throw Error(Category::unknown_axis,
                  fmt::format("no mapspec has the axis '{}' ({}).{}", axis, fmt::join(known, ", "),
                              did_you_mean(axis, {known.begin(), known.end()})));
  auto functions = editable();
  for (std::size_t id = 0; id < functions.size(); ++id) {
    if (!graph_->nodes[id].mapspec) continue;
    MapSpec renamed = with_renamed_axes(*graph_->nodes[id].mapspec, names);
    if (renamed != *graph_->nodes[id].mapspec) functions[id].mapspec_ = std::move(renamed);
  }
  return Pipeline(std::move(functions));
}

}  // namespace mpipe
