// SPDX-License-Identifier: BSD-3-Clause
// Finds what one part of a sweep computes: a range of the elements of the last functions, and of the others what
// these need.
#include <mpipe/plan/plan.hpp>

#include "plan/selection.hpp"

namespace mpipe {
namespace {

/// The elements of an array that are read, as this argument, by `elements` of a function with `shape`.
RangeSet elements_read(const RangeSet& elements, const Shape& shape, const PlannedArgument& argument,
                       const ArrayLayout& array) {
  std::vector<std::size_t> axes;  // of the function, by external axis of the array
  for (std::size_t axis = 0; axis < array.external.size(); ++axis)
    if (array.external[axis]) axes.push_back(argument.indexed_by[axis].value());
  const Shape array_shape = known_shape(array.external_shape());
  RangeSet read;
  for (const IndexRange& range : elements.ranges())
    for_each_box(range, shape, [&](const Box& box) {
      Box of_array;
      for (const std::size_t axis : axes) of_array.push_back(box[axis]);
      insert_box(of_array, array_shape, read);
    });
  return read;
}

}  // namespace

/// Who reads a stage belongs to a later wave, or comes behind it in the same, and its part is found first. A part
/// that was found stays: it was found when the shape of the stage became known, and those of the stages that read it were known then, or
/// concern single values only (see `PlanBuilder::has_to_wait`).
void Plan::find_parts() {
  if (!shard_) return;
  parts_.resize(stages_.size());
  const std::vector<Readers> readers = readers_by_stage();
  for (std::size_t wave = wave_count_; wave-- > 0;) {
    const std::vector<StageId> stages = stages_of_wave(wave);
    for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage)
      if (!parts_[stage->value] && is_known(external_shape(*stage)))
        parts_[stage->value] = find_part(*stage, readers[stage->value]);
  }
}

/// By stage: the arguments of other stages that are made by it, but for those of functions that wait.
std::vector<Plan::Readers> Plan::readers_by_stage() const {
  std::vector<Readers> readers(stages_.size());
  for (const auto& function : functions_) {
    if (!function || waits(function->id)) continue;
    for (const PlannedArgument& argument : function->arguments)
      if (argument.output && !argument.same_block)
        readers[output(*argument.output).stage.value].emplace_back(function->id, &argument);
  }
  return readers;
}

RangeSet Plan::find_part(StageId stage, const Readers& readers) const {
  if (waits(stages_[stage.value].functions.front())) return {};
  bool is_read = false;
  RangeSet read;
  for (const auto& [id, argument] : readers) {
    const StageId reader = functions_[id.value]->stage;
    const std::optional<RangeSet>& part = parts_[reader.value];
    // A function whose shape is not known yet reads single values, and some elements of it may be in this part.
    if (!part) return {{0, 1}};
    if (fixed_elements(reader).empty()) continue;
    is_read = true;
    read.insert(elements_read(*part, known_shape(external_shape(reader)), *argument,
                              output(*argument->output).layout));
  }
  return is_read ? read : part_of(fixed_elements(stage), *shard_);
}

}  // namespace mpipe
