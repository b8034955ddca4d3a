// SPDX-License-Identifier: BSD-3-Clause
// Counts down what the elements of overlapping stages wait for.
#include "plan/api/readiness.hpp"

#include "plan/selection.hpp"

#include <algorithm>

namespace mpipe {

Readiness::Readiness(const Plan& plan, std::size_t wave) : stages_(plan.stages().size()) {
  for (const StageId stage : plan.stages_of_wave(wave))
    for (const FunctionId id : plan.stages()[stage.value].functions) {
      const PlannedFunction& function = *plan.function(id);
      for (const PlannedArgument& argument : function.arguments) {
        if (!argument.output || argument.same_block) continue;
        const StageId source = plan.output(*argument.output).stage;
        if (plan.stages()[source.value].wave != wave) continue;
        stages_[stage.value].in.push_back(edges_.size());
        stages_[source.value].out.push_back(edges_.size());
        edges_.push_back(make_edge(plan, function, argument));
      }
    }
}

Readiness::Edge Readiness::make_edge(const Plan& plan, const PlannedFunction& reader,
                                     const PlannedArgument& argument) {
  const PlannedOutput& read = plan.output(*argument.output);
  Edge edge{.read = read.stage.value,
            .reader = reader.stage.value,
            .source = known_shape(plan.external_shape(read.stage)),
            .target = known_shape(plan.external_shape(reader.stage)),
            .shared = {},
            .axes_of_source = {},
            .direct = {},
            .from_shared = {}};
  std::size_t axis = 0;  // of the source
  for (std::size_t k = 0; k < argument.indexed_by.size(); ++k) {
    if (!read.layout.external[k]) continue;
    if (argument.indexed_by[k]) edge.direct.emplace_back(axis, *argument.indexed_by[k]);
    ++axis;
  }
  for (std::size_t target = 0; target < edge.target.size(); ++target) {
    std::vector<std::size_t> tied;
    for (const auto& [from, to] : edge.direct)
      if (to == target) tied.push_back(from);
    if (tied.empty()) continue;
    edge.from_shared.emplace_back(edge.shared.size(), target);
    edge.shared.push_back(edge.target[target]);
    edge.axes_of_source.push_back(std::move(tied));
  }
  const bool reads_one = edge.direct.size() == edge.source.size();
  if (!reads_one) edge.left.assign(static_cast<std::size_t>(element_count(edge.shared)), 0);
  return edge;
}

/// Adds `sign` for each of the elements to the count at its shared position. Returns the positions that came to zero.
RangeSet Readiness::count(Edge& edge, IndexRange elements, Index sign) {
  RangeSet at_zero;
  for_each_box(elements, edge.source, [&](const Box& box) {
    Index at_each = sign;
    for (std::size_t axis = 0; axis < box.size(); ++axis) {
      const auto is_axis = [axis](const std::pair<std::size_t, std::size_t>& tie) {
        return tie.first == axis;
      };
      if (std::none_of(edge.direct.begin(), edge.direct.end(), is_axis)) at_each *= box[axis].count;
    }
    Box shared;
    for (const auto& axes : edge.axes_of_source) {
      // Axes that are tied to the same one count where their positions are equal.
      Index begin = 0;
      Index end = edge.shared[shared.size()];
      for (const std::size_t axis : axes) {
        begin = std::max(begin, box[axis].first);
        end = std::min(end, box[axis].first + box[axis].count);
      }
      shared.push_back({begin, 1, std::max<Index>(end - begin, 0)});
    }
    if (std::any_of(shared.begin(), shared.end(), [](const Positions& along) { return along.count == 0; }))
      return;
    RangeSet positions;
    insert_box(shared, edge.shared, positions);
    for (const IndexRange& range : positions.ranges())
      for (Index at = range.begin; at < range.end; ++at)
        if ((edge.left[static_cast<std::size_t>(at)] += at_each) == 0) at_zero.insert({at, at + 1});
  });
  return at_zero;
}

RangeSet Readiness::begin(StageId stage, const RangeSet& todo) {
  OfStage& of_stage = stages_[stage.value];
  of_stage.todo = todo;
  for (const std::size_t number : of_stage.in) {
    Edge& edge = edges_[number];
    const RangeSet& pending = stages_[edge.read].todo;  // it has begun
    if (!edge.left.empty())
      for (const IndexRange& range : pending.ranges()) count(edge, range, 1);
    edge.waiting = carry(pending, edge.source, edge.target, edge.direct).intersection(todo);
    of_stage.waiting.insert(edge.waiting);
  }
  return todo.difference(of_stage.waiting);
}

std::vector<Readiness::Ready> Readiness::on_done(StageId stage, IndexRange done) {
  std::vector<Ready> all;
  for (const std::size_t number : stages_[stage.value].out) {
    Edge& edge = edges_[number];
    OfStage& reader = stages_[edge.reader];
    const RangeSet opened = edge.left.empty()
                                ? carry({done}, edge.source, edge.target, edge.direct)
                                : carry(count(edge, done, -1), edge.shared, edge.target, edge.from_shared);
    if (opened.empty()) continue;
    RangeSet ready = opened.intersection(edge.waiting);
    edge.waiting.erase(opened);
    for (const std::size_t other : reader.in)
      if (other != number && !ready.empty())
        ready = ready.difference(edges_[other].waiting.intersection(ready));
    if (ready.empty()) continue;
    reader.waiting.erase(ready);
    all.push_back({{static_cast<std::uint32_t>(edge.reader)}, std::move(ready)});
  }
  return all;
}

}  // namespace mpipe
