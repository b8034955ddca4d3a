// SPDX-License-Identifier: BSD-3-Clause
// Answers what was planned: shapes as they become known, and which elements are selected.
#include <mpipe/core/error.hpp>
#include <mpipe/plan/plan.hpp>

#include "plan/plan_builder.hpp"
#include "plan/selection.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {

Plan::Plan(const Pipeline& pipeline, PlanRequest request) : pipeline_(&pipeline) {
  PlanBuilder(*this, std::move(request)).build();
}

std::vector<StageId> Plan::stages_of_wave(std::size_t wave) const {
  std::vector<StageId> ids;
  for (const Stage& stage : stages_)
    if (stage.wave == wave) ids.push_back(stage.id);
  const auto depth = [this](StageId stage) { return stages_[stage.value].depth; };
  std::stable_sort(ids.begin(), ids.end(), [&](StageId a, StageId b) { return depth(a) < depth(b); });
  return ids;
}

/// Stages are looked at by their depth, so that those which make what a stage reads have their wave already.
void Plan::let_stages_overlap() {
  std::vector<Stage*> stages;
  for (Stage& stage : stages_) stages.push_back(&stage);
  std::stable_sort(stages.begin(), stages.end(),
                   [](const Stage* a, const Stage* b) { return a->depth < b->depth; });
  wave_count_ = 0;
  for (Stage* const stage : stages) {
    stage->wave = 0;
    for (const FunctionId id : stage->functions) {
      const PlannedFunction& function = *functions_[id.value];
      for (std::size_t k = 0; k < function.arguments.size(); ++k) {
        const PlannedArgument& argument = function.arguments[k];
        if (!argument.output || argument.same_block) continue;
        const Stage& source = stages_[output(*argument.output).stage.value];
        stage->wave = std::max(stage->wave, source.wave + (is_read_in_place(function, k) ? 0 : 1));
      }
    }
    wave_count_ = std::max(wave_count_, stage->wave + 1);
  }
}

/// Workers look at the values where they were written: these have one size, and a place that is known beforehand. What
/// has to be converted is converted at once for all elements. The ranks of a team are asked for when a wave begins.
bool Plan::is_read_in_place(const PlannedFunction& function, std::size_t position) const {
  const PlannedOutput& source = output(*function.arguments[position].output);
  const Function& code = pipeline_->function(function.id).function;
  const ElementType* const wanted = code.body().parameters()[position].element;
  const ElementType& type = *source.layout.type;
  const bool converts = wanted != nullptr && type != *wanted && type.kind != Kind::array;
  return !code.wants_teams() && !converts && type.fixed_size() && source.layout.shape_known() &&
         is_known(external_shape(function.stage)) && is_known(external_shape(source.stage));
}

std::optional<OutputId> Plan::find_output(const std::string& name) const {
  const auto found = output_by_name_.find(name);
  if (found == output_by_name_.end()) return std::nullopt;
  return found->second;
}

PartialShape Plan::external_shape(StageId stage) const {
  const FunctionId first = stages_[stage.value].functions.front();
  const OutputId output = functions_[first.value]->outputs.front();
  return outputs_[output.value].layout.external_shape();
}

RangeSet Plan::selected(StageId stage) const {
  return shard_ ? parts_[stage.value].value() : fixed_elements(stage);
}

/// The elements that the fixed positions select, whatever part of them is to be computed.
RangeSet Plan::fixed_elements(StageId stage) const {
  const Shape shape = known_shape(external_shape(stage));
  const auto& names = stages_[stage.value].axes;
  Box box;
  for (std::size_t axis = 0; axis < names.size(); ++axis) {
    const auto fixed = request_fixed_.find(names[axis]);
    box.push_back(fixed == request_fixed_.end() ? all_of(shape[axis])
                                                : positions_of(fixed->second, names[axis], shape[axis]));
  }
  RangeSet elements;
  insert_box(box, shape, elements);
  return elements;
}

std::optional<PartialShape> Plan::shape_of(const PlannedArgument& argument) const {
  if (argument.output) {
    const ArrayLayout& layout = output(*argument.output).layout;
    if (!layout.rank_known) return std::nullopt;
    return layout.shape;
  }
  return partial(constant(argument.constant).shape());
}

/// Goes through the functions in topological order: the shape of an output is known as far as possible before
/// those who map over it ask for it, so that one pass is enough.
void Plan::update_shapes() {
  for (const FunctionId id : pipeline_->topological_order()) {
    const auto& planned = functions_[id.value];
    if (planned && pipeline_->function(id).is_mapped()) update_shape(*planned);
  }
}

void Plan::update_shape(const PlannedFunction& planned) {
  const FunctionNode& node = pipeline_->function(planned.id);
  std::map<std::string, PartialShape> inputs;
  for (const PlannedArgument& argument : planned.arguments)
    if (node.mapspec->find_input(argument.name) != nullptr)
      if (auto shape = shape_of(argument)) inputs.emplace(argument.name, std::move(*shape));
  const PartialShape external = mpipe::external_shape(*node.mapspec, inputs);
  if (is_known(external)) element_count(known_shape(external));  // refuses sizes that could not be numbered
  for (const OutputId output : planned.outputs) {
    ArrayLayout& layout = outputs_[output.value].layout;
    std::size_t next = 0;
    for (std::size_t axis = 0; axis < layout.axes.size(); ++axis)
      if (layout.external[axis]) layout.shape[axis] = external[next++];
  }
}

/// The same for shapes that show while the run goes on, when nothing can be refused any more: what does not fit
/// is the failure of the function that would take it.
void Plan::update_late_shapes() {
  std::vector<bool> is_stuck(functions_.size(), false);
  for (const FunctionId id : pipeline_->topological_order()) {
    const auto& planned = functions_[id.value];
    if (!planned || !pipeline_->function(id).is_mapped()) continue;
    is_stuck[id.value] =
        misfits_.contains(id.value) ||
        std::any_of(planned->arguments.begin(), planned->arguments.end(),
                    [&](const PlannedArgument& argument) {
                      return argument.output && is_stuck[output(*argument.output).function.value];
                    });
    if (is_stuck[id.value]) continue;
    try {
      update_shape(*planned);
    } catch (const Error& error) {
      misfits_.emplace(id.value, error.what());
      is_stuck[id.value] = true;
    }
  }
}

void Plan::resolve(OutputId id, const Shape& internal) {
  PlannedOutput& output = outputs_[id.value];
  ArrayLayout& layout = output.layout;
  if (!layout.rank_known) {
    layout.set_internal_rank(output.name, internal.size());
    // Those who take this output could not say how many axes it has when they were planned. They take it
    // whole, as only arrays of known rank are indexed, so that the new entries are empty.
    for (auto& function : functions_) {
      if (!function) continue;
      for (PlannedArgument& argument : function->arguments)
        if (argument.output == id) argument.indexed_by.resize(internal.size());
    }
  }
  const PartialShape expected = layout.internal_shape();
  // Extents that were declared stay binding: only those that were not known may come from what the function
  // returned.
  bool fits = expected.size() == internal.size();
  for (std::size_t axis = 0; fits && axis < internal.size(); ++axis)
    fits = !expected[axis] || *expected[axis] == internal[axis];
  if (!fits)
    throw Error(Category::internal_shape_mismatch,
                fmt::format("Output shape {} of '{}' does not match the expected internal shape {} (all "
                            "elements of an output "
                            "have one shape). Return arrays of that shape, or correct the declared one.",
                            to_string(internal), output.name, to_string(expected)));
  layout.set_internal_shape(partial(internal));
  // What is computed from this output may have its shape now as well.
  update_late_shapes();
  find_parts();
}

std::map<std::string, PartialShape> Plan::shapes() const {
  std::map<std::string, PartialShape> shapes;
  for (const auto& planned : functions_) {
    if (!planned) continue;
    const FunctionNode& node = pipeline_->function(planned->id);
    if (!node.mapspec) continue;
    for (const OutputId id : planned->outputs) shapes[output(id).name] = output(id).layout.shape;
    for (const PlannedArgument& argument : planned->arguments)
      if (node.mapspec->find_input(argument.name) != nullptr && !argument.output)
        shapes[argument.name] = partial(constant(argument.constant).shape());
  }
  return shapes;
}

std::map<std::string, std::vector<bool>> Plan::masks() const {
  std::map<std::string, std::vector<bool>> masks;
  for (const auto& [name, shape] : shapes()) {
    const auto id = find_output(name);
    masks[name] = id ? output(*id).layout.external : std::vector<bool>(shape.size(), true);
  }
  return masks;
}

std::uint64_t Plan::known_bytes() const {
  std::uint64_t bytes = 0;
  for (const PlannedOutput& output : outputs_)
    if (output.layout.rank_known && is_known(output.layout.shape))
      bytes += static_cast<std::uint64_t>(element_count(known_shape(output.layout.shape))) *
               output.layout.type->size;
  return bytes;
}

}  // namespace mpipe
