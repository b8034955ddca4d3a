// SPDX-License-Identifier: BSD-3-Clause
// Follows missing elements through the plan, as boxes of positions rather than one by one.
#include "plan/api/lineage.hpp"

#include <algorithm>
#include <utility>

namespace mpipe {
namespace {

/// An interval of positions per axis.
using Box = std::vector<IndexRange>;

/// Cuts a range of linear indices into boxes: at most two per axis.
class BoxCutter {
 public:
  BoxCutter(const Shape& shape, std::vector<Box>& boxes) : shape_(shape), boxes_(boxes), box_(shape.size()) {}

  void cut(IndexRange range) { cut(0, range); }

 private:
  void cut(std::size_t axis, IndexRange range) {
    if (range.empty()) return;
    if (axis == shape_.size()) return boxes_.push_back(box_);
    const Index tail =
        element_count(Shape(shape_.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape_.end()));
    const Index first = (range.begin + tail - 1) / tail;  // whole rows are first .. last
    const Index last = range.end / tail;
    // The range lies strictly within one row.
    if (first > last) return cut_row(axis, last, range, tail);
    // The part before the first whole row; it is empty when the range begins with that row, also when this is
    // row 0 and there is no row before it.
    cut_row(axis, first - 1, {range.begin, first * tail}, tail);
    if (first < last) {
      box_[axis] = {first, last};
      for (std::size_t k = axis + 1; k < shape_.size(); ++k) box_[k] = {0, shape_[k]};
      boxes_.push_back(box_);
    }
    cut_row(axis, last, {last * tail, range.end}, tail);
  }
  /// `range` lies within one row.
  void cut_row(std::size_t axis, Index row, IndexRange range, Index tail) {
    if (range.empty()) return;
    box_[axis] = {row, row + 1};
    cut(axis + 1, {range.begin - row * tail, range.end - row * tail});
  }

  const Shape& shape_;
  std::vector<Box>& boxes_;
  Box box_;
};

/// Adds the linear indices of a box.
void add_ranges(const Box& box, const Shape& shape, std::size_t axis, Index prefix,
                std::vector<IndexRange>& ranges) {
  // Behind the last axis that is not whole, everything is contiguous.
  std::size_t rest = axis;
  for (std::size_t k = axis; k < box.size(); ++k)
    if (box[k] != IndexRange{0, shape[k]}) rest = k;
  if (rest == axis) {
    const Index tail =
        element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()));
    const Index row = prefix * shape[axis];
    ranges.push_back({(row + box[axis].begin) * tail, (row + box[axis].end) * tail});
    return;
  }
  for (Index k = box[axis].begin; k < box[axis].end; ++k)
    add_ranges(box, shape, axis + 1, prefix * shape[axis] + k, ranges);
}

using Ties = std::vector<std::pair<std::size_t, std::size_t>>;

/// As `carry`, for a `to` whose first axis has a tie.
RangeSet carry_tied(const RangeSet& elements, const Shape& from, const Shape& to, const Ties& ties) {
  std::vector<Box> boxes;
  BoxCutter cutter(from, boxes);
  std::vector<IndexRange> ranges;
  Box box(to.size());
  for (const IndexRange& range : elements.ranges()) {
    boxes.clear();
    cutter.cut(range);
    for (const Box& source : boxes) {
      for (std::size_t k = 0; k < to.size(); ++k) box[k] = {0, to[k]};
      // At most one axis of a box is neither whole nor a single position, so an axis that is tied twice gets
      // exactly the positions that both allow.
      for (const auto& [a, b] : ties)
        box[b] = {std::max(box[b].begin, source[a].begin), std::min(box[b].end, source[a].end)};
      if (std::any_of(box.begin(), box.end(), [](const IndexRange& along) { return along.empty(); }))
        continue;
      if (to.empty())
        ranges.push_back({0, 1});
      else
        add_ranges(box, to, 0, 0, ranges);
    }
  }
  // Boxes come in no order of their elements.
  return RangeSet::of(std::move(ranges));
}

/// Takes elements numbered over `from` to those numbered over `to` that share the positions of the axes which
/// `ties` joins (pairs of an axis of `from` and one of `to`); an axis of `to` without a tie is taken whole.
///
/// Along the first axes of `to`, up to one that has a tie, the elements are the same at each position. They are found
/// once and repeated in order: an axis of many failures in a product with a long one gives millions of ranges, and a list
/// of them that has to be sorted would take several times the memory of the set.
RangeSet carry(const RangeSet& elements, const Shape& from, const Shape& to, const Ties& ties) {
  std::size_t free = to.size();
  for (const auto& [unused, axis] : ties) free = std::min(free, axis);
  Ties inner = ties;
  for (auto& tie : inner) tie.second -= free;
  const auto first = to.begin() + static_cast<std::ptrdiff_t>(free);
  const Index repeats = element_count(Shape(to.begin(), first));
  const Shape rest(first, to.end());
  RangeSet pattern = carry_tied(elements, from, rest, inner);
  const Index period = element_count(rest);
  if (repeats == 1 || pattern.empty()) return pattern;
  if (pattern.contains(IndexRange{0, period})) return {{0, repeats * period}};
  RangeSet carried;
  for (Index k = 0; k < repeats; ++k)
    for (const IndexRange& range : pattern.ranges())
      carried.insert({k * period + range.begin, k * period + range.end});
  return carried;
}

}  // namespace

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
  std::vector<std::pair<std::size_t, std::size_t>> ties;
  for (std::size_t axis = 0; axis < argument.indexed_by.size(); ++axis)
    if (argument.indexed_by[axis]) ties.emplace_back(axis, *argument.indexed_by[axis]);
  return carry(bad, source.external, function.external, ties);
}

/// The way back: the elements of the argument that the given elements of the function take.
RangeSet Lineage::needed(const Function& function, const Argument& argument, const RangeSet& elements) const {
  const Function& source = functions_[made_by_[argument.output.value].value];
  if (!source.sized) return {{0, 1}};
  if (!function.sized) return {{0, element_count(source.external)}};
  std::vector<std::pair<std::size_t, std::size_t>> ties;
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
