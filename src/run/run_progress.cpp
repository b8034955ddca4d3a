// SPDX-License-Identifier: BSD-3-Clause
// Keeps the states of all elements of a run, and finds what failures block.
#include "run/run_progress.hpp"

#include "exec/api/messages.hpp"
#include "run/api/run_bytes.hpp"
#include "run/run_setup.hpp"

#include <algorithm>
#include <iterator>

namespace mpipe {

namespace {

/// From the first to the last element of a set.
IndexRange hull(const RangeSet& set) {
  if (set.empty()) return {};
  return {set.ranges().front().begin, set.ranges().back().end};
}

}  // namespace

RunProgress::RunProgress(const Plan& plan)
    : plan_(plan), states_(plan.outputs().size()), without_value_(plan.outputs().size()) {}

void RunProgress::note_without_value(OutputId output) {
  without_value_[output.value] = states_[output.value].without_value();
}

void RunProgress::take_stored(std::span<const ElementStates> stored, bool keeps_failed) {
  for (std::size_t k = 0; k < states_.size(); ++k) states_[k].add_done(stored[k].done());
  if (!keeps_failed) return;
  for (std::uint32_t id = 0; id < plan_.pipeline().functions().size(); ++id) {
    const auto& function = plan_.function({id});
    if (!function) continue;
    RangeSet failed;
    for (const OutputId output : function->outputs) failed = failed.united(stored[output.value].failed());
    for (const OutputId output : function->outputs) {
      states_[output.value].add_failed(failed);
      note_without_value(output);
    }
  }
}

void RunProgress::find_blocked(std::size_t wave) {
  const auto is_empty = [](const RangeSet& elements) { return elements.empty(); };
  if (std::all_of(without_value_.begin(), without_value_.end(), is_empty)) return;
  // Functions are visited in an order in which a function comes after those that it reads:
  // `note_without_value` makes what is blocked by one visible to the next, so that blocks spread through the
  // whole wave in one pass.
  for (const StageId stage : plan_.stages_of_wave(wave)) {
    const bool sized = is_known(plan_.external_shape(stage));
    const RangeSet selected = sized ? plan_.selected(stage) : RangeSet{{0, 1}};
    for (const FunctionId id : plan_.stages()[stage.value].functions) {
      Lineage::Blocked blocked = lineage_.blocked(id, without_value_);
      // Only what is not selected is taken away, from sets that may have millions of ranges.
      for (RangeSet* set : {&blocked.by_value, &blocked.by_array})
        if (!selected.contains(hull(*set))) *set = set->intersection(selected);
      for (const OutputId output : plan_.function(id)->outputs) {
        states_[output.value].set_blocked(blocked.by_value, blocked.by_array);
        note_without_value(output);
      }
    }
  }
}

/// All ranks get here with the same outcome. That keeps their states equal without another message.
void RunProgress::take_failed(WaveOutcome& outcome) {
  for (const FailedElements& failed : outcome.failed) {
    new_failures_ += failed.elements.count();
    for (const OutputId output : plan_.function(failed.function)->outputs) {
      states_[output.value].add_failed(failed.elements);
      note_without_value(output);
    }
  }
  // Failures that end the run block no other elements, because a resume tries them again.
  for (const Failure& failure : outcome.failures) {
    if (exit_code(failure.category) != exit_code(Category::function_raised)) continue;
    ++new_failures_;
    for (const OutputId output : plan_.function(plan_.pipeline().producer_of(failure.output))->outputs)
      states_[output.value].add({failure.element, failure.element + 1}, ElementStatus::failed);
  }
  std::move(outcome.details.begin(), outcome.details.end(), std::back_inserter(details_));
  sort(details_);
  if (details_.size() > kMaxFailureDetails) details_.resize(kMaxFailureDetails);
}

void RunProgress::add_done(OutputId output, const RangeSet& elements) {
  states_[output.value].add_done(elements);
}

std::vector<RangeSet> RunProgress::done() const {
  std::vector<RangeSet> done;
  for (const ElementStates& states : states_) done.push_back(states.done());
  return done;
}

/// A call yields all outputs of its function or none of them, so an element without one of its values is not
/// called for the others either.
std::vector<RangeSet> RunProgress::never_called() const {
  std::vector<RangeSet> elements = without_value_;
  for (std::uint32_t id = 0; id < plan_.pipeline().functions().size(); ++id) {
    const auto& function = plan_.function({id});
    if (!function || function->outputs.size() < 2) continue;
    RangeSet all;
    for (const OutputId output : function->outputs) all = all.united(without_value_[output.value]);
    for (const OutputId output : function->outputs) elements[output.value] = all;
  }
  return elements;
}

RangeSet RunProgress::todo(FunctionId id) const {
  const PlannedFunction& function = *plan_.function(id);
  const RangeSet selected = plan_.selected(function.stage);
  RangeSet todo;
  for (const OutputId output : function.outputs) {
    const ElementStates& states = states_[output.value];
    todo = todo.united(selected.difference(states.done()).difference(without_value_[output.value]));
  }
  return todo;
}

std::vector<ElementCounts> RunProgress::counts() const {
  std::vector<ElementCounts> counts;
  for (std::uint32_t k = 0; k < states_.size(); ++k) {
    const ElementStates states =
        is_sized(plan_, {k}) ? states_[k].within(plan_.selected(plan_.output({k}).stage)) : states_[k];
    counts.push_back({states.done().count(), states.failed().count(), 0});
  }
  return counts;
}

void RunProgress::sort(std::vector<Failure>& failures) const {
  const auto position = [&](const Failure& failure) {
    return std::pair(plan_.find_output(failure.output)->value, failure.element);
  };
  std::sort(failures.begin(), failures.end(),
            [&](const Failure& a, const Failure& b) { return position(a) < position(b); });
}

void RunProgress::put(ByteWriter& out) const {
  for (const ElementStates& states : states_) states.put(out);
  put_failures(out, details_);
  out.put(new_failures_);
}

/// `without_value_` is derived from the states and not sent; it must be found anew for each of them.
void RunProgress::get(ByteReader& in) {
  for (std::uint32_t k = 0; k < states_.size(); ++k) {
    states_[k] = ElementStates::get(in);
    note_without_value({k});
  }
  details_ = get_failures(in);
  new_failures_ = in.get_index();
}

}  // namespace mpipe
