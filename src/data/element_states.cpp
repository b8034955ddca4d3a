// SPDX-License-Identifier: BSD-3-Clause
// Keeps the states of an output's elements apart: done beats failed, and failed beats blocked.
#include <mpipe/data/element_states.hpp>

namespace mpipe {
namespace {

/// `range` without what is in `set`. What this costs goes with what both have in common, not with all of
/// `set`.
RangeSet outside(IndexRange range, const RangeSet& set) {
  return RangeSet{range}.difference(set.intersection(range));
}

}  // namespace

ElementStatus ElementStates::status(Index element) const {
  if (done_.contains(element)) return ElementStatus::done;
  if (failed_.contains(element)) return ElementStatus::failed;
  return blocked_.contains(element) ? ElementStatus::blocked : ElementStatus::pending;
}

/// As long as no element failed, this ends after its first step: the other sets are empty.
void ElementStates::add_done(const RangeSet& elements) {
  done_.insert(elements);
  if (all_fine()) return;
  for (RangeSet* other : {&failed_, &blocked_, &blocked_by_array_}) other->erase(elements);
}

void ElementStates::add_failed(const RangeSet& elements) {
  if (elements.empty()) return;
  // What is done is left out before the failures are taken in: the sets have to stay apart.
  const RangeSet failed = elements.difference(done_);
  failed_.insert(failed);
  for (RangeSet* other : {&blocked_, &blocked_by_array_}) other->erase(failed);
}

void ElementStates::add_blocked(const RangeSet& elements) {
  if (elements.empty()) return;
  blocked_.insert(elements.difference(done_).difference(failed_));
}

void ElementStates::add(IndexRange range, ElementStatus status) {
  if (range.empty()) return;
  switch (status) {
    case ElementStatus::pending:
      return;
    case ElementStatus::done:
      done_.insert(range);
      break;
    case ElementStatus::failed:
      // An element that was computed keeps its value, whatever is told of it afterwards.
      for (const IndexRange& part : outside(range, done_).ranges()) {
        failed_.insert(part);
        blocked_.erase(part);
        blocked_by_array_.erase(part);
      }
      return;
    case ElementStatus::blocked:
      for (const IndexRange& undone : outside(range, done_).ranges())
        for (const IndexRange& part : outside(undone, failed_).ranges()) blocked_.insert(part);
      return;
  }
  // Only `done` gets here: a value wins over whatever was known of the element before.
  failed_.erase(range);
  blocked_.erase(range);
  blocked_by_array_.erase(range);
}

void ElementStates::add(const ElementStates& other) {
  // What is blocked is found last, as it depends on what is done or failed by the knowledge of either side.
  add_done(other.done_);
  add_failed(other.failed_);
  const RangeSet by_value =
      blocked_.difference(blocked_by_array_).united(other.blocked_.difference(other.blocked_by_array_));
  set_blocked(by_value, blocked_by_array_.united(other.blocked_by_array_));
}

void ElementStates::set_blocked(const RangeSet& by_value, const RangeSet& by_array) {
  // In place: these sets may have millions of ranges, and each copy of one takes as much memory again.
  blocked_ = by_value;
  blocked_.insert(by_array);
  blocked_by_array_ = by_array;
  blocked_by_array_.erase(by_value);
  for (RangeSet* set : {&blocked_, &blocked_by_array_}) {
    set->erase(done_);
    set->erase(failed_);
  }
}

void ElementStates::forget_failures() {
  failed_.clear();
  blocked_.clear();
  blocked_by_array_.clear();
}

ElementStates ElementStates::within(const RangeSet& selection) const {
  ElementStates part;
  part.done_ = done_.intersection(selection);
  part.failed_ = failed_.intersection(selection);
  part.blocked_ = blocked_.intersection(selection);
  part.blocked_by_array_ = blocked_by_array_.intersection(selection);
  return part;
}

void ElementStates::put(ByteWriter& out) const {
  for (const RangeSet* set : {&done_, &failed_, &blocked_, &blocked_by_array_}) out.put_ranges(*set);
}

/// The sets come from another rank or from a file. If they overlapped, an element would be counted twice and
/// a run could end with elements that nobody computes, so they are refused here.
ElementStates ElementStates::get(ByteReader& in) {
  ElementStates states;
  for (RangeSet* set : {&states.done_, &states.failed_, &states.blocked_, &states.blocked_by_array_})
    *set = in.get_ranges();
  const bool apart = states.done_.intersection(states.failed_).empty() &&
                     states.without_value().intersection(states.done_).empty() &&
                     states.failed_.intersection(states.blocked_).empty() &&
                     states.blocked_by_array_.difference(states.blocked_).empty();
  if (!apart) in.fail("an element has two states");
  return states;
}

}  // namespace mpipe
