// SPDX-License-Identifier: BSD-3-Clause
// Parts of pipelines, and along which axes they fall apart.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "core/api/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe {
namespace {

/// Functions that what is given leads to: those that take an input, or any output of a function that makes a
/// given one, and so on.
std::vector<bool> reachable_from(const Pipeline& pipeline, const std::vector<std::string>& inputs) {
  const auto& nodes = pipeline.functions();
  std::vector<std::vector<std::uint32_t>> consumers(nodes.size());
  std::map<std::string, std::vector<std::uint32_t>> takers;  // of root arguments
  for (std::uint32_t id = 0; id < nodes.size(); ++id)
    for (const ParameterNode& parameter : nodes[id].parameters) {
      if (parameter.source == Source::output) consumers[parameter.producer.value].push_back(id);
      if (parameter.source == Source::root) takers[parameter.name].push_back(id);
    }
  std::vector<std::uint32_t> open;
  for (const std::string& name : inputs) {
    const auto& first =
        pipeline.has_output(name) ? consumers[pipeline.producer_of(name).value] : takers[name];
    open.insert(open.end(), first.begin(), first.end());
  }
  std::vector<bool> reached(nodes.size(), false);
  while (!open.empty()) {
    const std::uint32_t id = open.back();
    open.pop_back();
    // Each function is looked at once, however many ways lead to it.
    if (reached[id]) continue;
    reached[id] = true;
    open.insert(open.end(), consumers[id].begin(), consumers[id].end());
  }
  return reached;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Adds the functions that `kept` ones need, unless their outputs are given: they may need no inputs.
void add_needed(const Pipeline& pipeline, const std::vector<std::string>& inputs, std::vector<bool>& kept) {
  std::vector<FunctionId> open;
  for (std::uint32_t id = 0; id < kept.size(); ++id)
    if (kept[id]) open.push_back({id});
  while (!open.empty()) {
    const FunctionId id = open.back();
    open.pop_back();
    for (const ParameterNode& parameter : pipeline.function(id).parameters) {
      if (parameter.source != Source::output || kept[parameter.producer.value]) continue;
      if (contains(inputs, parameter.name)) continue;
      kept[parameter.producer.value] = true;
      open.push_back(parameter.producer);
    }
  }
}

}  // namespace

Pipeline Pipeline::subpipeline(const std::optional<std::vector<std::string>>& inputs,
                               const std::vector<std::string>& outputs) const {
  std::vector<bool> kept = needed_for(outputs);
  if (!inputs) return Pipeline(functions_where(kept));
  for (const std::string& name : *inputs)
    if (!has_name(name))
      throw Error(Category::unknown_name, fmt::format("the pipeline has no parameter or output '{}'.{}", name,
                                                      did_you_mean(name, root_args())));
  const std::vector<bool> reached = reachable_from(*this, *inputs);
  for (std::size_t k = 0; k < kept.size(); ++k) kept[k] = kept[k] && reached[k];
  // What was asked for by name stays, even if no input leads to it: it may need no inputs at all, and if it
  // does need others, the message below can name them.
  for (const std::string& output : outputs) kept[producer_of(output).value] = true;
  add_needed(*this, *inputs, kept);
  Pipeline part(functions_where(kept));
  std::vector<std::string> missing = part.info().required_inputs;
  std::erase_if(missing, [&](const std::string& name) { return contains(*inputs, name); });
  if (!missing.empty() || part.functions().empty())
    throw Error(
        Category::subpipeline_inputs,
        fmt::format("Cannot construct a partial pipeline from the inputs ({}) to {}: {}.",
                    fmt::join(*inputs, ", "),
                    outputs.empty() ? "the leaves" : fmt::format("{}", fmt::join(outputs, ", ")),
                    missing.empty() ? "nothing can be computed from them"
                                    : fmt::format("it would require {} as well", fmt::join(missing, ", "))));
  return part;
}

namespace {

/// Decides for one axis which functions keep its positions apart, each once.
class AxisTracer {
 public:
  AxisTracer(const Pipeline& pipeline, std::string axis)
      : pipeline_(pipeline),
        axis_(std::move(axis)),
        reduced_(pipeline.functions().size()),
        independent_(reduced_.size()) {
    std::vector<MapSpec> specs;
    for (const FunctionNode& node : pipeline.functions())
      if (node.mapspec) specs.push_back(*node.mapspec);
    arrays_ = axes_of_arrays(specs);
    for (const FunctionId id : pipeline.topological_order()) trace(id);
  }

  bool is_independent(FunctionId id) const { return independent_[id.value]; }

 private:
  void trace(FunctionId id) {
    const FunctionNode& node = pipeline_.function(id);
    bool reduced = false;
    bool from_inputs = node.is_mapped() && contains(node.mapspec->external_axes(), axis_);
    for (const ParameterNode& parameter : node.parameters) {
      if (parameter.source == Source::bound) continue;
      const bool has_axis = has(parameter.name);
      const ArraySpec* input = node.is_mapped() ? node.mapspec->find_input(parameter.name) : nullptr;
      if (has_axis && (input == nullptr || !input->position(axis_))) reduced = true;
      if (parameter.source != Source::output) continue;
      if (reduced_[parameter.producer.value]) reduced = true;
      // Producers were traced before, as functions come in topological order.
      if (has_axis && !independent_[parameter.producer.value]) from_inputs = false;
    }
    reduced_[id.value] = reduced;
    independent_[id.value] = from_inputs && !reduced;
  }

  bool has(const std::string& array) const {
    const auto found = arrays_.find(array);
    return found != arrays_.end() &&
           std::find(found->second.begin(), found->second.end(), axis_) != found->second.end();
  }

  const Pipeline& pipeline_;
  std::string axis_;
  std::map<std::string, std::vector<std::optional<std::string>>> arrays_;
  // By FunctionId.
  std::vector<bool> reduced_;  ///< here or on the way here
  std::vector<bool> independent_;
};

}  // namespace

std::vector<std::string> Pipeline::independent_axes(const std::string& output) const {
  const FunctionId id = producer_of(output);
  std::vector<std::string> axes;
  if (!function(id).mapspec) return axes;
  for (const std::string& axis : function(id).mapspec->output_axes())
    if (AxisTracer(*this, axis).is_independent(id)) axes.push_back(axis);
  return axes;
}

}  // namespace mpipe
