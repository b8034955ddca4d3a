// SPDX-License-Identifier: BSD-3-Clause
// The pool whose one worker is the thread that polls: each poll computes a slice of a block.
#include "exec/api/pools.hpp"
#include "exec/pools/block_queue.hpp"

#include <deque>
#include <utility>

namespace mpipe {

struct InlinePool::Impl {
  SlicedBlock current;
  BlockQueue queue = {};
  std::deque<PoolEvent> answers = {};  // to retracts
};

InlinePool::InlinePool(BlockHandler& handler, const Clock& clock, ProcessPlace place, Duration slice)
    : impl_(new Impl{SlicedBlock(handler, clock, std::move(place), slice)}) {}

InlinePool::~InlinePool() = default;

void InlinePool::start(WorkerId, const Block& block) { impl_->queue.push(block); }

void InlinePool::retract(WorkerId worker, BlockId block) {
  SlicedBlock& current = impl_->current;
  if (current.active() && current.id() == block) {
    // The part that was given back is told before the report of the rest, as `Pool` promises.
    impl_->answers.push_back({worker, RetractedBlock{block, current.give_back()}});
    if (current.report().completed > 0) impl_->answers.push_back({worker, std::move(current.report())});
  } else if (const auto retracted = impl_->queue.retract(block)) {
    impl_->answers.push_back({worker, *retracted});
  }
}

std::optional<PoolEvent> InlinePool::poll() {
  // Answers that are ready go before the next slice, which would only delay them.
  if (!impl_->answers.empty()) {
    PoolEvent event = std::move(impl_->answers.front());
    impl_->answers.pop_front();
    return event;
  }
  SlicedBlock& current = impl_->current;
  if (!current.active()) {
    if (impl_->queue.empty()) return std::nullopt;
    current.begin(impl_->queue.pop());
  }
  if (!current.step()) return std::nullopt;
  // The run ends: nobody needs what waits here.
  if (current.report().failure || current.report().stopped)
    for (const RetractedBlock& block : impl_->queue.give_back()) impl_->answers.push_back({{0}, block});
  return PoolEvent{{0}, std::move(current.report())};
}

bool InlinePool::computes_inline() const {
  // Answers count as well: they are fetched by `poll`, before which nobody should pause.
  return impl_->current.active() || !impl_->queue.empty() || !impl_->answers.empty();
}

}  // namespace mpipe
