// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Workers behind one interface, wherever they are: this thread, other threads, other ranks.
#pragma once

#include <mpipe/exec/block_report.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

namespace mpipe {

/// What a worker has to say.
struct PoolEvent {
  WorkerId worker;
  std::variant<BlockReport, RetractedBlock, TeamNews> what;
};

/// Workers 0 .. worker_count() - 1, each of which computes its blocks in the order they were started. Each
/// started block ends in exactly one event: a report, or a retraction of all of it; a retraction of a part
/// comes before the report of the other part; news of a team come at any time. A worker whose report has a
/// failure gives back what waits behind it. One thread uses a pool, and workers never call it back.
class Pool {
 public:
  virtual ~Pool() = default;
  virtual std::uint32_t worker_count() const = 0;

  /// Hands `block` to a worker, which may be at others. Never waits.
  virtual void start(WorkerId worker, const Block& block) = 0;

  /// Hands `block`, of one element, to several workers that have nothing else to do (ascending): they compute
  /// it together, and the first of them reports. Never waits. Pools without teams throw `Bug`.
  virtual void start_team(std::span<const WorkerId> members, const Block& block);

  /// Asks for what has not begun of a block. No event follows when there is none.
  virtual void retract(WorkerId worker, BlockId block) = 0;

  /// The next event. May compute in it, for a bounded time (see `computes_inline`).
  virtual std::optional<PoolEvent> poll() = 0;

  /// `poll` has work of its own to do: call it again soon, and do not pause.
  virtual bool computes_inline() const { return false; }

  /// Lets time pass while nothing happens; may return early when something does.
  virtual void pause(Duration duration);

  /// Returns when no block is being computed in this process, and none will be until `resume`: what runs
  /// comes to a stop between two elements, and goes on later. Blocks of other ranks are not touched.
  virtual void quiesce() {}
  virtual void resume() {}
};

}  // namespace mpipe
