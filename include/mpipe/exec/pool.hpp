// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Workers behind one interface, wherever they are: this thread, other threads, other ranks.
#pragma once

#include <mpipe/core/failure.hpp>
#include <mpipe/core/shape.hpp>
#include <mpipe/schedule/block.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace mpipe {

/// The shape of an output's elements, which became known by computing one.
struct LateShape {
  OutputId output;
  Shape internal;
  /// The element that showed it, in the form of a failure that has no message: which one it is, its arguments,
  /// where it was computed. Told once by each rank.
  std::optional<Failure> shown_by = {};

  friend bool operator==(const LateShape& a, const LateShape& b) {
    return a.output == b.output && a.internal == b.internal;
  }
};

/// Elements of a function that failed, where the run goes on without them.
struct FailedElements {
  FunctionId function;
  RangeSet elements;

  friend bool operator==(const FailedElements&, const FailedElements&) = default;
};

/// How a block ended. Without a failure all of `block.range` has been dealt with: it is done but for what is
/// in `failed`, and what in the same block needs that. With one, or where a function was told to stop, its first
/// `completed` elements are.
struct BlockReport {
  Block block;                     ///< as it was handed out, less what was given back
  Index completed = 0;             ///< elements dealt with, from the beginning of the range on
  Duration busy{};                 ///< time spent computing it
  std::optional<Failure> failure;  ///< ends the run: of an element that is not among the completed ones
  bool stopped =
      false;  ///< without a failure: the element behind the completed ones was begun, and is not done
  std::vector<FailedElements> failed;  ///< at most one entry per function of the stage
  std::vector<Failure> details;        ///< of some of the elements in `failed`
  std::vector<LateShape> late_shapes;
  std::uint64_t journal_bytes = 0;  ///< what the journal of the worker holds now
};

/// The end of a block that nobody will compute (in this place).
struct RetractedBlock {
  BlockId block = 0;
  IndexRange rest;  ///< the end of its range, not empty; all of it: there will be no report

  friend bool operator==(const RetractedBlock&, const RetractedBlock&) = default;
};

/// What is heard of an element that a team computes, before its report. With a failure: of a member at which
/// the function threw; others may still be in it, or never leave it. Without: from the leader, all members
/// are back from a try that failed, and try again.
struct TeamNews {
  BlockId block = 0;
  std::uint32_t attempt = 0;  ///< counted from 0
  std::optional<Failure> failure;
};

/// Computes blocks in this process. One thread at a time, unless the implementation says otherwise.
class BlockHandler {
 public:
  virtual ~BlockHandler() = default;

  /// Computes all elements of `block`, or reports how far it came and what failed. A block may come in
  /// consecutive slices, each a block with the same id and a part of the range. `busy` of the report is
  /// measured by the caller. Should not throw; what it throws is reported as the failure of the first
  /// element.
  virtual BlockReport compute(const Block& block) = 0;

  /// Blocks of this stage come whole, however long they take, as each call costs much by itself.
  virtual bool takes_whole(StageId) const { return false; }
  /// So many elements of this stage cost less together than one by one: slices have as many, as long as that takes
  /// some milliseconds at most.
  virtual Index cheaper_together(StageId) const { return 1; }
};

/// `handler.compute(block)`, with everything that it throws turned into a failure.
BlockReport compute_guarded(BlockHandler& handler, const Block& block, const ProcessPlace& place);

/// What a worker has to say.
struct PoolEvent {
  WorkerId worker;
  std::variant<BlockReport, RetractedBlock, TeamNews> what;
};

/// Workers 0 .. worker_count() - 1, each of which computes its blocks in the order they were started. Each
/// started block ends in exactly one event: a report, or a retraction of all of it; a retraction of a part
/// comes before the report of the other part; news of a team come at any time. A worker whose report has a
/// failure, or is of a call that was told to stop, gives back what waits behind it. One thread uses a pool, and workers never call it back.
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
