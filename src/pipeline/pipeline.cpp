// SPDX-License-Identifier: BSD-3-Clause
// Builds a pipeline from functions: names, edges, order, defaults and mapspecs are checked here.
#include <mpipe/core/error.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "core/api/suggest.hpp"
#include "pipeline/api/function_texts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace mpipe {

Pipeline::Pipeline(std::initializer_list<Function> functions) : Pipeline(std::vector<Function>(functions)) {}

bool Pipeline::has_name(const std::string& name) const { return graph_->slots.contains(name); }

Pipeline operator|(const Pipeline& a, const Pipeline& b) { return a.join(b); }

Pipeline::Pipeline(std::vector<Function> functions, const std::string& scope) {
  for (Function& function : functions) {
    function.check();
    FunctionNode node{std::move(function), {}, {}, {}, {}, false};
    node.outputs = node.function.output_names();
    node.mapspec = node.function.mapspec();
    graph_->nodes.push_back(std::move(node));
  }
  // Each step needs what those before it found out. All producers are known before parameters are connected,
  // else one that is listed later would be taken for an input. Cycles are refused before anything walks in
  // topological order, as the inference of types does. The scope comes last, since it is an edit of a
  // complete pipeline.
  number_names();
  connect();
  check_scopes();
  order();
  check_defaults();
  complete_mapspecs();
  infer_types({});
  if (!scope.empty()) *this = update_scope(scope);
}

std::uint32_t Pipeline::slot_of(const std::string& name) {
  // Every name has a number, which is its place in both lists.
  const auto [at, inserted] =
      graph_->slots.try_emplace(name, static_cast<std::uint32_t>(graph_->slots.size()));
  if (inserted) {
    graph_->producers.emplace_back();
    graph_->defaults.emplace_back();
  }
  return at->second;
}

void Pipeline::number_names() {
  for (std::uint32_t id = 0; id < graph_->nodes.size(); ++id) {
    FunctionNode& node = graph_->nodes[id];
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      const std::uint32_t slot = slot_of(node.outputs[k]);
      if (graph_->producers[slot])
        throw Error(
            Category::duplicate_output,
            fmt::format(
                "two functions have the output '{}' (nobody could say which one is meant). Rename one.",
                node.outputs[k]),
            {Subject::Kind::output, node.outputs[k]});
      graph_->producers[slot] = Producer{FunctionId{id}, k};
      node.output_slots.push_back(slot);
    }
  }
}

void Pipeline::connect() {
  for (FunctionNode& node : graph_->nodes) {
    for (const std::string& name : node.function.parameter_names()) {
      ParameterNode parameter{name, Source::root, {}, 0, slot_of(name)};
      if (node.function.bound_values().contains(name)) {
        parameter.source = Source::bound;
      } else if (const auto& producer = graph_->producers[parameter.slot]) {
        parameter.source = Source::output;
        parameter.producer = producer->function;
        parameter.producer_output = producer->output;
      }
      node.parameters.push_back(std::move(parameter));
    }
  }
}

void Pipeline::check_scopes() const {
  for (const auto& [name, unused] : graph_->slots) {
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos || !graph_->slots.contains(name.substr(0, dot))) continue;
    throw Error(Category::scope_clash,
                fmt::format("'{0}' is a name and the scope of '{1}' at once (nobody could tell them apart in "
                            "nested inputs). Rename one of them.",
                            name.substr(0, dot), name),
                {Subject::Kind::parameter, name.substr(0, dot)});
  }
}

void Pipeline::order() {
  std::vector<std::set<std::uint32_t>> consumers(graph_->nodes.size());
  std::vector<std::size_t> waiting(graph_->nodes.size(), 0);
  for (std::uint32_t id = 0; id < graph_->nodes.size(); ++id)
    for (const ParameterNode& parameter : graph_->nodes[id].parameters)
      // A function that takes several outputs of one producer waits for it once.
      if (parameter.source == Source::output && consumers[parameter.producer.value].insert(id).second)
        ++waiting[id];
  std::vector<FunctionId> ready;
  for (std::uint32_t id = 0; id < graph_->nodes.size(); ++id)
    if (waiting[id] == 0) ready.push_back({id});
  std::size_t ordered = 0;
  while (!ready.empty()) {
    // Within a generation the order is that of the names, so that what is planned and shown does not depend
    // on how the functions were listed.
    std::sort(ready.begin(), ready.end(),
              [&](FunctionId a, FunctionId b) { return function(a).outputs < function(b).outputs; });
    ordered += ready.size();
    std::vector<FunctionId> next;
    for (const FunctionId id : ready)
      for (const std::uint32_t consumer : consumers[id.value])
        if (--waiting[consumer] == 0) next.push_back({consumer});
    graph_->generations.push_back(std::exchange(ready, std::move(next)));
  }
  if (ordered == graph_->nodes.size()) return;
  std::vector<std::string> stuck;
  for (std::uint32_t id = 0; id < graph_->nodes.size(); ++id)
    if (waiting[id] != 0) stuck.push_back(graph_->nodes[id].name());
  throw Error(
      Category::cycle,
      fmt::format(
          "the functions {} need each other's outputs in a circle (or stand behind one), so none could run "
          "first. Break the circle.",
          fmt::join(stuck, ", ")),
      {Subject::Kind::function, stuck.front()});
}

/// Equal values, perhaps of two types of numbers: 1 and 1.0.
static bool same_default(const Value& a, const Value& b) {
  if (a.type() == b.type()) return a == b;
  try {
    if (widens(a.type(), b.type())) return a.converted(b.type()) == b;
    return widens(b.type(), a.type()) && b.converted(a.type()) == a;
  } catch (const Error&) {
    return false;  // a value that the wider type cannot hold exactly
  }
}

void Pipeline::check_defaults() {
  for (const FunctionNode& node : graph_->nodes) {
    for (const auto& [name, value] : node.function.default_values()) {
      const std::uint32_t slot = graph_->slots.at(name);
      if (graph_->producers[slot]) continue;  // never reached
      Value& known = graph_->defaults[slot];
      if (known.has_value() && !same_default(known, value))
        throw Error(
            Category::defaults_inconsistent,
            fmt::format(
                "parameter '{}' has different defaults in different functions ({} and {}, the latter in "
                "'{}'), but it is one input of the pipeline. Use one default.",
                name, describe(known), describe(value), node.name()),
            {Subject::Kind::parameter, name});
      // Of 1 and 1.0 the integer stays: it becomes either type, where a fraction is never made an integer.
      if (!known.has_value() || widens(value.type(), known.type())) known = value;
    }
  }
}

void Pipeline::complete_mapspecs() {
  std::vector<MapSpec> specs;
  for (const FunctionNode& node : graph_->nodes)
    if (node.mapspec) specs.push_back(*node.mapspec);
  // Contradictions between mapspecs that users wrote are refused before others are generated from them.
  check_consistent_axes(specs);
  const auto axes = axes_of_arrays(specs);
  for (FunctionNode& node : graph_->nodes) {
    if (node.mapspec) continue;
    node.mapspec = generated_mapspec(node.outputs, axes);
    // Nobody indexes this output any more, but somebody did before an edit: its axes keep the names that it
    // got then.
    if (!node.mapspec) node.mapspec = node.function.generated_;
    node.generated = node.mapspec.has_value();
  }
}

bool Pipeline::has_output(const std::string& name) const {
  const auto slot = graph_->slots.find(name);
  return slot != graph_->slots.end() && graph_->producers[slot->second].has_value();
}

FunctionId Pipeline::producer_of(const std::string& output) const {
  if (has_output(output)) return graph_->producers[graph_->slots.at(output)]->function;
  std::vector<std::string> known;
  for (const FunctionNode& node : graph_->nodes)
    known.insert(known.end(), node.outputs.begin(), node.outputs.end());
  throw Error(Category::unknown_output,
              fmt::format("no function has the output '{}'.{}", output, did_you_mean(output, known)),
              {Subject::Kind::output, output});
}

std::vector<std::string> Pipeline::root_args() const {
  std::set<std::string> names;
  for (const FunctionNode& node : graph_->nodes)
    for (const ParameterNode& parameter : node.parameters)
      if (parameter.source == Source::root) names.insert(parameter.name);
  return {names.begin(), names.end()};
}

std::vector<std::string> Pipeline::defaulted_args() const {
  auto names = root_args();
  std::erase_if(names, [&](const std::string& name) { return default_of(name) == nullptr; });
  return names;
}

std::vector<std::string> Pipeline::leaf_outputs() const {
  std::vector<bool> taken(graph_->nodes.size(), false);
  for (const FunctionNode& node : graph_->nodes)
    for (const ParameterNode& parameter : node.parameters)
      if (parameter.source == Source::output) taken[parameter.producer.value] = true;
  std::set<std::string> names;
  for (std::size_t k = 0; k < graph_->nodes.size(); ++k)
    if (!taken[k]) names.insert(graph_->nodes[k].outputs.begin(), graph_->nodes[k].outputs.end());
  return {names.begin(), names.end()};
}

PipelineInfo Pipeline::info() const {
  PipelineInfo info{root_args(), {}, defaulted_args(), leaf_outputs(), {}};
  std::set_difference(info.inputs.begin(), info.inputs.end(), info.optional_inputs.begin(),
                      info.optional_inputs.end(), std::back_inserter(info.required_inputs));
  std::set<std::string> outputs;
  for (const FunctionNode& node : graph_->nodes) outputs.insert(node.outputs.begin(), node.outputs.end());
  std::set_difference(outputs.begin(), outputs.end(), info.outputs.begin(), info.outputs.end(),
                      std::back_inserter(info.intermediate_outputs));
  return info;
}

std::vector<FunctionId> Pipeline::topological_order() const {
  std::vector<FunctionId> order;
  for (const auto& generation : graph_->generations)
    order.insert(order.end(), generation.begin(), generation.end());
  return order;
}

std::vector<std::string> Pipeline::mapspecs() const {
  std::vector<std::string> texts;
  for (const FunctionId id : topological_order())
    if (const auto& spec = function(id).mapspec) texts.push_back(spec->to_string());
  return texts;
}

const Value* Pipeline::default_of(const std::string& name) const {
  const auto slot = graph_->slots.find(name);
  return slot == graph_->slots.end() || !graph_->defaults[slot->second].has_value()
             ? nullptr
             : &graph_->defaults[slot->second];
}

std::vector<bool> Pipeline::needed_for(const std::vector<std::string>& outputs) const {
  if (outputs.empty()) return std::vector<bool>(graph_->nodes.size(), true);
  std::vector<bool> needed(graph_->nodes.size(), false);
  std::vector<FunctionId> todo;
  for (const std::string& output : outputs) todo.push_back(producer_of(output));
  while (!todo.empty()) {
    const FunctionId id = todo.back();
    todo.pop_back();
    // Each function is looked at once, else pipelines with many ways between two functions would take
    // exponential time.
    if (needed[id.value]) continue;
    needed[id.value] = true;
    for (const ParameterNode& parameter : function(id).parameters)
      if (parameter.source == Source::output) todo.push_back(parameter.producer);
  }
  return needed;
}

std::string Pipeline::digest_text() const {
  std::string text;
  for (const std::string& function : function_texts(*this)) text += function;
  return text;
}

}  // namespace mpipe
