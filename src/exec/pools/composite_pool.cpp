// SPDX-License-Identifier: BSD-3-Clause
// Two pools behind one interface: the number of a worker tells to which of them it belongs.
#include "exec/api/pools.hpp"

namespace mpipe {

namespace {

/// So many remote events may pass local work by. With a microsecond or two each, local work of 100 us a turn
/// then still gets a fair part of a rank that is busy handing out short blocks.
constexpr std::uint32_t patience = 256;

}  // namespace

void CompositePool::start(WorkerId worker, const Block& block) {
  const std::uint32_t remote = remote_.worker_count();
  if (worker.value < remote) return remote_.start(worker, block);
  local_.start({worker.value - remote}, block);
}

void CompositePool::start_team(std::span<const WorkerId> members, const Block& block) {
  remote_.start_team(members, block);
}

void CompositePool::retract(WorkerId worker, BlockId block) {
  const std::uint32_t remote = remote_.worker_count();
  if (worker.value < remote) return remote_.retract(worker, block);
  local_.retract({worker.value - remote}, block);
}

std::optional<PoolEvent> CompositePool::poll() {
  // Remote workers come first, as they may stand still until they are answered. After many of their events
  // the local pool has a turn all the same.
  if (++remote_events_ > patience) {
    if (std::optional<PoolEvent> event = poll_local()) return event;
  }
  if (std::optional<PoolEvent> event = remote_.poll()) return event;
  return poll_local();
}

std::optional<PoolEvent> CompositePool::poll_local() {
  // The count starts anew even if the local pool has no event: it had its turn.
  remote_events_ = 0;
  std::optional<PoolEvent> event = local_.poll();
  if (event) event->worker.value += remote_.worker_count();
  return event;
}

void CompositePool::quiesce() {
  remote_.quiesce();
  local_.quiesce();
}

void CompositePool::resume() {
  remote_.resume();
  local_.resume();
}

}  // namespace mpipe
