// SPDX-License-Identifier: BSD-3-Clause
// Follows missing elements through the plan.
#include "plan/api/lineage.hpp"

#include "plan/api/carry.hpp"

#include <algorithm>

namespace mpipe {

Lineage::Lineage(const Plan& plan)
    : functions_(plan.pipeline().functions().size()), made_by_(plan.outputs().size()) {
  for (std::size_t k = 0; k < plan.outputs().size(); ++k) made_by_[k] = plan.outputs()[k].function;
  // The topological order makes `order_` one in which producers come first, on which `root_causes` relies.
  for (const FunctionId id : plan.pipeline().topological_order()) {
    const auto& planned = plan.function(id);
    if (!planned) continue;
    order_.push_back(id);
    Function& function = functions_[id.value];
    const PartialShape external = plan.external_shape(planned->stage);
    function.planned = true;
    function.sized = is_known(external);
    if (function.sized) function.external = known_shape(external);
    function.outputs = planned->outputs;
    for (const PlannedArgument& from : planned->arguments) {
      if (!from.output) continue;
      const PlannedOutput& source = plan.output(*from.output);
      Argument argument{*from.output, !source.mapped, {}};
      bool any_slice = false;
      for (std::size_t axis = 0; axis < from.indexed_by.size(); ++axis) {
        any_slice = any_slice || !from.indexed_by[axis];
        if (source.layout.external[axis]) argument.indexed_by.push_back(from.indexed_by[axis]);
      }
      argument.is_value = argument.is_value || !any_slice;
      function.arguments.push_back(std::move(argument));
    }
  }
}

RangeSet Lineage::needing(const Function& function, const Argument& argument, const RangeSet& bad) const {
  if (bad.empty()) return {};
  // The elements of the function cannot be numbered yet: element 0 stands for all of them.
  if (!function.sized) return {{0, 1}};
  const Function& source = functions_[made_by_[argument.output.value].value];
  // Which elements of the source are bad cannot be told apart, so every element that reads it counts as in
  // need of one.
  if (!source.sized) return {{0, element_count(function.external)}};
  Ties ties;
  for (std::size_t axis = 0; axis < argument.indexed_by.size(); ++axis)
    if (argument.indexed_by[axis]) ties.emplace_back(axis, *argument.indexed_by[axis]);
  return carry(bad, source.external, function.external, ties);
}

/// The way back: the elements of the argument that the given elements of the function take.
RangeSet Lineage::needed(const Function& function, const Argument& argument, const RangeSet& elements) const {
  const Function& source = functions_[made_by_[argument.output.value].value];
  if (!source.sized) return {{0, 1}};
  if (!function.sized) return {{0, element_count(source.external)}};
  Ties ties;
  for (std::size_t axis = 0; axis < argument.indexed_by.size(); ++axis)
    if (argument.indexed_by[axis]) ties.emplace_back(*argument.indexed_by[axis], axis);
  return carry(elements, function.external, source.external, ties);
}

Lineage::Blocked Lineage::blocked(FunctionId id, const std::vector<RangeSet>& bad) const {
  const Function& function = functions_[id.value];
  Blocked blocked;
  for (const Argument& argument : function.arguments) {
    const RangeSet& missing = bad[argument.output.value];
    if (missing.empty()) continue;
    RangeSet& set = argument.is_value ? blocked.by_value : blocked.by_array;
    RangeSet more = needing(function, argument, missing);
    // Sets may have millions of ranges: the first one is not copied.
    if (set.empty())
      set = std::move(more);
    else
      set.insert(more);
  }
  // An element may be blocked in both ways, by two of its arguments; the stronger reason is the one that
  // counts.
  blocked.by_array.erase(blocked.by_value);
  return blocked;
}

std::vector<RangeSet> Lineage::root_causes(OutputId output, Index element,
                                           const std::vector<RangeSet>& failed,
                                           const std::vector<RangeSet>& blocked) const {
  std::vector<RangeSet> causes(made_by_.size());
  std::vector<RangeSet> asked(functions_.size());  // blocked elements on the way, by function
  asked[made_by_[output.value].value].insert({element, element + 1});
  // Consumers come before their producers here, so that all who ask a function for elements have done so when
  // its turn comes, and each function is looked at once.
  for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
    const RangeSet& elements = asked[id->value];
    if (elements.empty()) continue;
    for (const Argument& argument : functions_[id->value].arguments) {
      const FunctionId maker = made_by_[argument.output.value];
      const RangeSet from = needed(functions_[id->value], argument, elements);
      RangeSet& cause = causes[functions_[maker.value].outputs.front().value];
      cause = cause.united(from.intersection(failed[argument.output.value]));
      RangeSet& next = asked[maker.value];
      next = next.united(from.intersection(blocked[argument.output.value]));
    }
  }
  return causes;
}

}  // namespace mpipe
