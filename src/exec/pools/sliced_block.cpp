// SPDX-License-Identifier: BSD-3-Clause
// Computes a block in slices, whose length is learnt from the time that the last ones took.
#include "exec/pools/sliced_block.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mpipe {

namespace {

/// Slices grow at most so much at a time: a few odd elements are no measure.
constexpr Index growth = 8;
/// Slices of elements that are cheaper together may be longer by this factor. It is large since one such element alone
/// may cost many times of what it costs among others.
constexpr Index patience = 100;

}  // namespace

void SlicedBlock::begin(const Block& block) {
  // What was learnt of one stage says nothing about another, whose first slice is a single element.
  if (block.stage != report_.block.stage) slice_elements_ = 1;
  report_ = BlockReport();
  report_.block = block;
  next_ = block.range.begin;
  active_ = true;
}

bool SlicedBlock::step() {
  Block slice = report_.block;
  slice.range = {next_, std::min(report_.block.range.end, next_ + slice_elements_)};
  if (handler_.takes_whole(slice.stage)) slice.range.end = report_.block.range.end;
  const TimePoint start = clock_.now();
  BlockReport part = compute_guarded(handler_, slice, place_);
  last_end_ = clock_.now();
  const Duration took = last_end_ - start;
  // An element counts as 1 ns at least: with a clock that did not move this would divide by zero.
  const Duration each = std::max<Duration>(took / slice.range.size(), Duration(1));
  const Index together = std::min<Index>(handler_.cheaper_together(slice.stage), patience * slice_ / each);
  const Index wanted = std::max<Index>(slice_ / each, together);
  // The upper bound is never below the length so far: the last slice of a block is often short, which is no
  // reason to forget what was learnt.
  slice_elements_ = std::clamp<Index>(wanted, 1, std::max(slice_elements_, growth * slice.range.size()));
  next_ = slice.range.end;
  absorb(part, took);
  active_ = next_ < report_.block.range.end && !report_.failure && !report_.stopped;
  return !active_;
}

void SlicedBlock::absorb(BlockReport& part, Duration took) {
  report_.completed += part.completed;
  report_.busy += took;
  // This is the size of the journal after the slice and not a share of it, so it is not added up.
  report_.journal_bytes = part.journal_bytes;
  if (part.failure) report_.failure = std::move(part.failure);
  report_.stopped = part.stopped;
  if (!part.failed.empty()) absorb_failed(part);
  for (LateShape& late : part.late_shapes) {
    // Every slice tells the shapes that it met: one of each is enough.
    const bool known =
        std::find(report_.late_shapes.begin(), report_.late_shapes.end(), late) != report_.late_shapes.end();
    if (!known) report_.late_shapes.push_back(std::move(late));
  }
}

void SlicedBlock::absorb_failed(BlockReport& part) {
  for (FailedElements& failed : part.failed) {
    const auto known =
        std::find_if(report_.failed.begin(), report_.failed.end(),
                     [&](const FailedElements& each) { return each.function == failed.function; });
    if (known == report_.failed.end())
      report_.failed.push_back(std::move(failed));
    else
      known->elements = known->elements.united(failed.elements);
  }
  std::move(part.details.begin(), part.details.end(), std::back_inserter(report_.details));
}

IndexRange SlicedBlock::give_back() {
  if (!active_) return {};
  active_ = false;
  // Slices are computed in order, so everything before `next_` is done and remains in the report.
  const IndexRange rest{next_, report_.block.range.end};
  report_.block.range.end = next_;
  return rest;
}

}  // namespace mpipe
