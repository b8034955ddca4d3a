// SPDX-License-Identifier: BSD-3-Clause
// Plans a run: inputs and types are checked, functions joined into stages, and stages into waves.
#include "plan/plan_builder.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mpipe {

PlanBuilder::PlanBuilder(Plan& plan, PlanRequest request)
    : plan_(plan),
      pipeline_(*plan.pipeline_),
      request_(std::move(request)),
      needed_(pipeline_.needed_for(request_.outputs)) {}

/// Each step relies on those before it. Missing inputs are refused before anybody looks at values; ranks of
/// inputs before types are inferred, which would complain of them in less helpful words. Outputs are planned
/// before arguments, which refer to them by number; shapes follow from arguments, and what waits for other parts
/// of the sweep from both: such functions get stages of their own. Readers are listed, and
/// `check_fixed` indexes shapes whose ranks have to be right, and parts are found of what it let
/// through.
void PlanBuilder::build() {
  check_inputs();
  check_internal_shapes();
  check_arrays();
  infer_types();
  plan_.request_fixed_ = request_.fixed;
  plan_.shard_ = request_.shard;
  plan_.functions_.resize(pipeline_.functions().size());
  plan_outputs();
  for (const FunctionId id : needed()) plan_arguments(id);
  plan_.update_shapes();
  find_waiting();
  for (const FunctionId id : needed()) assign_stage(*plan_.functions_[id.value]);
  list_readers();
  check_fixed();
  plan_.find_parts();
}

std::vector<FunctionId> PlanBuilder::needed() const {
  auto order = pipeline_.topological_order();
  std::erase_if(order, [&](FunctionId id) { return !is_needed(id); });
  return order;
}

void PlanBuilder::check_inputs() const {
  std::set<std::string> wanted;
  for (const FunctionId id : needed())
    for (const ParameterNode& parameter : pipeline_.function(id).parameters)
      if (parameter.source == Source::root) wanted.insert(parameter.name);
  std::vector<std::string> missing;
  for (const std::string& name : wanted)
    if (!request_.inputs.contains(name) && pipeline_.default_of(name) == nullptr) missing.push_back(name);
  if (!missing.empty())
    throw Error(Category::missing_input,
                fmt::format("Missing inputs: {} (no function makes them and they have no default). "
                            "Give them a value.",
                            fmt::join(missing, ", ")),
                {Subject::Kind::parameter, missing.front()});
  const std::vector<std::string> known(wanted.begin(), wanted.end());
  for (const auto& [name, unused] : request_.inputs) {
    if (wanted.contains(name)) continue;
    const char* why =
        pipeline_.has_output(name) ? "it is computed by the pipeline" : "nothing that is computed takes it";
    throw Error(Category::extra_input,
                fmt::format("Got extra inputs: {} ({}).{} Remove it.", name, why, did_you_mean(name, known)),
                {Subject::Kind::parameter, name});
  }
}

const Value& PlanBuilder::root_value(const std::string& name) const {
  const auto given = request_.inputs.find(name);
  return given != request_.inputs.end() ? given->second : *pipeline_.default_of(name);
}

void PlanBuilder::check_arrays() const {
  for (const FunctionId id : needed()) {
    const FunctionNode& node = pipeline_.function(id);
    if (!node.is_mapped()) continue;
    for (const ParameterNode& parameter : node.parameters) {
      const ArraySpec* spec = node.mapspec->find_input(parameter.name);
      if (spec == nullptr || parameter.source != Source::root) continue;
      const Value& value = root_value(parameter.name);
      if (value.is_scalar())
        throw Error(
            Category::not_an_array,
            fmt::format(
                "the input '{}' is the single value {}, but the mapspec '{}' of function '{}' maps over it. "
                "Give an array.",
                parameter.name, describe(value), node.mapspec->to_string(), node.name()),
            {Subject::Kind::parameter, parameter.name});
      if (value.rank() != spec->rank())
        throw Error(Category::rank_mismatch,
                    fmt::format("Expecting an array of rank {}, but got {} for `{}` of function '{}'.",
                                spec->rank(), describe(value), spec->to_string(), node.name()),
                    {Subject::Kind::parameter, parameter.name});
    }
  }
}

/// The types are those of the whole pipeline, also of functions that are not needed: their inputs may be
/// missing here, and then are of unknown type.
void PlanBuilder::infer_types() {
  std::map<std::string, ValueType> roots;
  for (const std::string& name : pipeline_.root_args()) {
    if (!request_.inputs.contains(name) && pipeline_.default_of(name) == nullptr) continue;
    const Value& value = root_value(name);
    roots[name] = {&value.type(), value.rank(), false};
  }
  types_ = pipeline_.infer_types(roots);
}

void PlanBuilder::plan_outputs() {
  for (const FunctionId id : needed()) {
    const FunctionNode& node = pipeline_.function(id);
    PlannedFunction planned{id, {}, {}, {}, {}};
    if (node.is_mapped()) planned.axes = node.mapspec->external_axes();
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      planned.outputs.push_back({static_cast<std::uint32_t>(plan_.outputs_.size())});
      plan_output(node, id, k);
    }
    plan_.functions_[id.value] = std::move(planned);
  }
}

void PlanBuilder::plan_output(const FunctionNode& node, FunctionId id, std::size_t position) {
  PlannedOutput output;
  output.name = node.outputs[position];
  output.function = id;
  output.position = position;
  output.mapped = node.is_mapped();
  const ValueType& type = types_.at(output.name);
  // Memory and files are laid out before the first call, which needs the type of every output and, where
  // there are many elements, their rank.
  if (type.element == nullptr || (output.mapped && !type.rank))
    throw Error(
        Category::type_mismatch,
        fmt::format(
            "the type of output '{}' cannot be found before running (it depends on arrays of unknown rank). "
            "Name the axes of what it is computed from in a mapspec.",
            output.name),
        {Subject::Kind::output, output.name});
  ArrayLayout& layout = output.layout;
  layout.type = type.element;
  if (node.mapspec) {
    layout.axes = node.mapspec->output_axes();
    layout.external = node.mapspec->external_mask();
    if (!node.is_mapped() && type.rank && *type.rank != layout.axes.size())
      throw Error(Category::internal_shape_rank,
                  fmt::format("function '{}' returns {} for '{}', which is indexed as '{}' (the internal "
                              "shape is too short or "
                              "too long). Return an array of that rank.",
                              node.name(), type.to_string(), output.name, node.mapspec->to_string()),
                  {Subject::Kind::output, output.name});
  } else {
    layout.rank_known = false;
    if (type.rank) layout.set_internal_rank(output.name, *type.rank);
  }
  layout.shape.resize(layout.axes.size());
  if (const auto declared = declared_internal_shape(node))
    declare_internal_shape(node, output.name, *declared, layout);
  plan_.output_by_name_[output.name] = {static_cast<std::uint32_t>(plan_.outputs_.size())};
  plan_.outputs_.push_back(std::move(output));
}

void PlanBuilder::check_internal_shapes() const {
  for (const auto& [output, shape] : request_.internal_shapes) {
    pipeline_.producer_of(output);  // refuses names of nothing
    shape.extents(output);          // refuses what is no shape
  }
}

/// What the call says of the internal shape of a function's outputs, else what the function says.
std::optional<PartialShape> PlanBuilder::declared_internal_shape(const FunctionNode& node) const {
  std::optional<PartialShape> declared;
  // Any output of the function may speak for all of them, as they have the same axes, but two of them must
  // not contradict each other.
  for (const std::string& output : node.outputs) {
    const auto given = request_.internal_shapes.find(output);
    if (given == request_.internal_shapes.end()) continue;
    const PartialShape shape = given->second.extents(output);
    if (declared && *declared != shape)
      throw Error(Category::internal_shape_mismatch,
                  fmt::format("two outputs of function '{}' are given the internal shapes {} and {}, but the "
                              "outputs of one function have the same axes. Give one of them.",
                              node.name(), to_string(*declared), to_string(shape)),
                  {Subject::Kind::function, node.name()});
    declared = shape;
  }
  return declared ? declared : node.function.declared_internal_shape();
}

void PlanBuilder::declare_internal_shape(const FunctionNode& node, const std::string& output,
                                         const PartialShape& declared, ArrayLayout& layout) {
  if (!layout.rank_known) layout.set_internal_rank(output, declared.size());
  const PartialShape unknown = layout.internal_shape();
  if (declared.size() != unknown.size())
    throw Error(
        Category::internal_shape_rank,
        fmt::format("the internal shape {} of '{}' is too {}: {} has {} axes of its own. Give one extent for "
                    "each (\"?\" where it is not known).",
                    to_string(declared), output, declared.size() < unknown.size() ? "short" : "long",
                    node.mapspec ? "its mapspec '" + node.mapspec->to_string() + "'" : "it", unknown.size()),
        {Subject::Kind::output, output});
  layout.set_internal_shape(declared);
}

void PlanBuilder::plan_arguments(FunctionId id) {
  const FunctionNode& node = pipeline_.function(id);
  PlannedFunction& planned = *plan_.functions_[id.value];
  for (std::size_t k = 0; k < node.parameters.size(); ++k)
    planned.arguments.push_back(plan_argument(node, k, planned.axes));
}

/// Producers come first: what waits makes those wait who read it.
void PlanBuilder::find_waiting() {
  plan_.waits_.assign(plan_.functions_.size(), false);
  if (!plan_.shard_) return;
  for (const FunctionId id : needed()) plan_.waits_[id.value] = has_to_wait(*plan_.functions_[id.value]);
}

/// An element of a function that does not wait reads one element of each array that the run makes. Which elements
/// are read has to be known when they are to be computed: where that may be in an earlier wave, as the two do not
/// have the same axes, the shape of the reader has to be known from the start.
bool PlanBuilder::has_to_wait(const PlannedFunction& function) const {
  const PartialShape shape = plan_.output(function.outputs.front()).layout.external_shape();
  for (const PlannedArgument& argument : function.arguments) {
    if (!argument.output) continue;
    const PlannedOutput& source = plan_.output(*argument.output);
    if (plan_.waits_[source.function.value]) return true;
    if (!source.mapped) continue;
    for (std::size_t axis = 0; axis < source.layout.external.size(); ++axis)
      if (source.layout.external[axis] && !argument.indexed_by[axis]) return true;
    const bool same_axes = plan_.functions_[source.function.value]->axes.size() == function.axes.size();
    if (!same_axes && !is_known(shape)) return true;
  }
  return false;
}

PlannedArgument PlanBuilder::plan_argument(const FunctionNode& node, std::size_t position,
                                           const std::vector<std::string>& axes) {
  const ParameterNode& parameter = node.parameters[position];
  PlannedArgument argument;
  argument.name = parameter.name;
  std::size_t rank = 0;
  if (parameter.source == Source::output) {
    argument.output = plan_.output_by_name_.at(parameter.name);
    rank = plan_.output(*argument.output).layout.axes.size();
  } else {
    argument.constant = constant_for(node, parameter, node.function.body().parameters()[position]);
    rank = plan_.constant(argument.constant).rank();
  }
  argument.indexed_by.resize(rank);
  const ArraySpec* spec = node.is_mapped() ? node.mapspec->find_input(parameter.name) : nullptr;
  if (spec == nullptr) return argument;
  for (std::size_t axis = 0; axis < spec->rank(); ++axis) {
    if (!spec->axes[axis]) continue;
    const auto found = std::find(axes.begin(), axes.end(), *spec->axes[axis]);
    argument.indexed_by[axis] = static_cast<std::size_t>(found - axes.begin());
  }
  return argument;
}

/// Returns the number of the constant that the parameter takes. An input that several functions take as
/// different types becomes one constant for each type, converted once and not at each call; equal wishes
/// share one, by the key.
std::size_t PlanBuilder::constant_for(const FunctionNode& node, const ParameterNode& parameter,
                                      const ValueType& wanted) {
  const bool bound = parameter.source == Source::bound;
  const Value& value = bound ? node.function.bound_values().at(parameter.name) : root_value(parameter.name);
  const bool opened = value.type().kind == Kind::array;  // elements that are arrays are taken as they are
  const bool convert = wanted.element != nullptr && !opened && value.type() != *wanted.element;
  if (wanted.element == nullptr && !wanted.any_element && !opened && !value.type().is_real())
    throw Error(Category::type_mismatch,
                fmt::format("parameter '{}' of function '{}' is {} but gets {}.", parameter.name, node.name(),
                            wanted.to_string(), describe(value)),
                {Subject::Kind::parameter, parameter.name});
  std::string key = bound ? node.name() + "." + parameter.name : parameter.name;
  if (convert) key += " as " + wanted.element->name;
  const auto [at, inserted] = plan_.constant_by_name_.try_emplace(key, plan_.constants_.size());
  if (!inserted) return at->second;
  try {
    plan_.constants_.emplace_back(key, convert ? value.converted(*wanted.element) : value);
  } catch (const Error& error) {
    throw Error(error.category(),
                fmt::format("parameter '{}' of function '{}': {}", parameter.name, node.name(), error.what()),
                {Subject::Kind::parameter, parameter.name});
  }
  return at->second;
}

/// Whether element k of the function takes just element k of the argument: only then can both be computed in
/// one block, without waiting for elements of other blocks.
bool PlanBuilder::reads_same_elements(const PlannedFunction& function,
                                      const PlannedArgument& argument) const {
  const PlannedOutput& source = plan_.output(*argument.output);
  if (plan_.functions_[source.function.value]->axes != function.axes) return false;
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < argument.indexed_by.size(); ++axis) {
    if (!source.layout.external[axis]) {
      if (argument.indexed_by[axis]) return false;  // an element picks from inside another one
    } else if (argument.indexed_by[axis] != next++) {
      return false;
    }
  }
  return true;
}

/// Whether the function can be computed block by block together with those of the stage. What it takes from
/// elsewhere must be complete before that stage begins, thus of an earlier wave, else the stage could wait
/// for something that waits for it.
bool PlanBuilder::may_join(const PlannedFunction& function, const Stage& stage) const {
  if (stage.axes != function.axes) return false;
  if (plan_.waits_[function.id.value] != plan_.waits_[stage.functions.front().value]) return false;
  // An element that a team computes is a block by itself.
  for (const FunctionId id : {function.id, stage.functions.front()})
    if (pipeline_.function(id).function.wants_teams()) return false;
  const auto& placement = request_.placement;
  if (!placement.empty() && placement[stage.functions.front().value] != placement[function.id.value])
    return false;
  for (const PlannedArgument& argument : function.arguments) {
    if (!argument.output) continue;
    const StageId source = plan_.output(*argument.output).stage;
    if (source == stage.id ? !reads_same_elements(function, argument)
                           : plan_.stages_[source.value].wave >= stage.wave)
      return false;
  }
  return true;
}

/// Functions come here with their producers first, so each producer has its stage already. A function that
/// joins none of their stages begins one of its own, in the wave after the last of them.
void PlanBuilder::assign_stage(PlannedFunction& function) {
  std::size_t wave = 0;
  std::optional<StageId> joined;
  for (const PlannedArgument& argument : function.arguments) {
    if (!argument.output) continue;
    const Stage& source = plan_.stages_[plan_.output(*argument.output).stage.value];
    wave = std::max(wave, source.wave + 1);
    if (may_join(function, source)) joined = source.id;
  }
  if (!joined) {
    joined = StageId{static_cast<std::uint32_t>(plan_.stages_.size())};
    plan_.stages_.push_back({*joined, wave, wave, {}, function.axes});
    plan_.wave_count_ = std::max(plan_.wave_count_, wave + 1);
  }
  plan_.stages_[joined->value].functions.push_back(function.id);
  function.stage = *joined;
  for (const OutputId output : function.outputs) plan_.outputs_[output.value].stage = *joined;
  for (PlannedArgument& argument : function.arguments)
    argument.same_block = argument.output && plan_.output(*argument.output).stage == *joined;
}

void PlanBuilder::list_readers() {
  for (const auto& function : plan_.functions_) {
    if (!function) continue;
    for (const PlannedArgument& argument : function->arguments) {
      if (!argument.output) continue;
      auto& readers = plan_.outputs_[argument.output->value].readers;
      // Two parameters may take the same output.
      if (readers.empty() || readers.back() != function->id) readers.push_back(function->id);
    }
  }
}

void PlanBuilder::check_fixed() const {
  std::set<std::string> axes;
  for (const FunctionId id : needed())
    if (const auto& spec = pipeline_.function(id).mapspec) {
      axes.insert(spec->output_axes().begin(), spec->output_axes().end());
      for (const ArraySpec& input : spec->inputs())
        for (const auto& axis : input.axes)
          if (axis) axes.insert(*axis);
    }
  for (const auto& [axis, position] : request_.fixed) {
    // The name is checked first: the checks below ask arrays for the axis and would pass over one that does
    // not exist.
    if (!axes.contains(axis))
      throw Error(Category::unknown_axis,
                  fmt::format("no array has the axis '{}' that a position was fixed for.{}", axis,
                              did_you_mean(axis, {axes.begin(), axes.end()})),
                  {Subject::Kind::axis, axis});
    if (const Index* index = std::get_if<Index>(&position)) check_fixed_bounds(axis, *index);
    if (const Slice* slice = std::get_if<Slice>(&position); slice != nullptr && slice->step == Index{0})
      throw Error(Category::bad_option,
                  fmt::format("the step of the slice along '{}' is 0. Use 1 or more.", axis),
                  {Subject::Kind::axis, axis});
    check_not_reduced(axis);
  }
}

void PlanBuilder::check_fixed_bounds(const std::string& axis, Index index) const {
  for (const FunctionId id : needed()) {
    const FunctionNode& node = pipeline_.function(id);
    if (!node.is_mapped()) continue;
    for (const ParameterNode& parameter : node.parameters) {
      const ArraySpec* spec = node.mapspec->find_input(parameter.name);
      if (spec == nullptr || parameter.source != Source::root || !spec->position(axis)) continue;
      const Index extent = root_value(parameter.name).shape()[*spec->position(axis)];
      if (index >= extent || index < -extent)
        throw Error(Category::index_out_of_bounds,
                    fmt::format("the position {} along '{}' is out of bounds: '{}' has {} there.", index,
                                axis, spec->to_string(), extent),
                    {Subject::Kind::axis, axis});
    }
  }
}

void PlanBuilder::check_not_reduced(const std::string& axis) const {
  std::vector<MapSpec> specs;
  for (const FunctionNode& node : pipeline_.functions())
    if (node.mapspec) specs.push_back(*node.mapspec);
  const auto arrays = axes_of_arrays(specs);
  for (const FunctionId id : needed()) {
    const FunctionNode& node = pipeline_.function(id);
    for (const ParameterNode& parameter : node.parameters) {
      const auto array = arrays.find(parameter.name);
      if (parameter.source == Source::bound || array == arrays.end()) continue;
      const auto position = std::find(array->second.begin(), array->second.end(), axis);
      if (position == array->second.end()) continue;
      const ArraySpec* spec = node.mapspec ? node.mapspec->find_input(parameter.name) : nullptr;
      if (spec != nullptr && spec->axes[static_cast<std::size_t>(position - array->second.begin())]) continue;
      throw Error(
          Category::fixed_reduced_axis,
          fmt::format("the axis '{}' is reduced by function '{}' (it takes all of '{}' along it), so no "
                      "single position "
                      "of it can be fixed. Fix another axis, or ask for outputs that do not reduce it.",
                      axis, node.name(), parameter.name),
          {Subject::Kind::axis, axis});
    }
  }
}

}  // namespace mpipe
