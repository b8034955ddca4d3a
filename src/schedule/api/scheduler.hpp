// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which worker computes what, when: the scheduler as a pure state machine.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/index.hpp>
#include <mpipe/schedule/block.hpp>

#include "schedule/api/block_policy.hpp"
#include "schedule/api/element_pool.hpp"
#include "schedule/api/team_planner.hpp"
#include "schedule/api/worker_lists.hpp"

#include <array>
#include <optional>
#include <span>
#include <unordered_map>
#include <variant>
#include <vector>

namespace mpipe {

struct WorkerTraits {
  /// A worker that has something else to do as well, like a rank that schedules: it gets only blocks that are
  /// expected to end within this time, so none before the stage's element time is known, and never a second
  /// one.
  std::optional<Duration> max_block = std::nullopt;
  /// May have a second block queued behind the one that it computes.
  bool may_prefetch = true;
  /// Workers of one node are close to each other; small numbers. Nothing: it is never in a team.
  std::optional<std::uint32_t> node = std::nullopt;
};

struct SchedulerOptions {
  /// For stages that name no size of their own; see BlockPolicyOptions.
  std::optional<Index> fixed_block = std::nullopt;
  Duration target_block = std::chrono::microseconds(100);
  Index growth = 8;
  /// A second block is sent ahead only where the first and the second are both expected to be shorter.
  Duration prefetch_below = std::chrono::milliseconds(5);
  /// When others are idle, a running block of several elements is asked for its rest after this time. (Blocks
  /// of a fixed size are left whole.)
  Duration split_after = std::chrono::milliseconds(5);
};

/// Send `block` to `worker`, behind what it has.
struct Assign {
  WorkerId worker;
  Block block;
};
/// Send `block`, of one element, to all `members` (ascending): they compute it together. They have no other
/// block. Events about it are those of the first of them.
struct AssignTeam {
  std::vector<WorkerId> members;
  Block block;
};
/// Ask `worker` to give back what it has not begun of `block`. It may have nothing to give back, may not even
/// know the block any more, and need not answer then.
struct Retract {
  WorkerId worker;
  BlockId block;
};
/// Every element of `stage` is done.
struct StageDone {
  StageId stage;
};
using Action = std::variant<Assign, AssignTeam, Retract, StageDone>;

/// What a worker did so far. A block that was given back in part counts with what was done of it.
struct WorkerTally {
  Duration busy{};
  Index blocks = 0;
  Index elements = 0;
};

struct StageTally {
  Index total = 0;
  Index done = 0;
  Index in_flight = 0;
  Index blocks = 0;  ///< done
  Duration busy{};
  std::optional<Duration> element_time = std::nullopt;  ///< mean of the last blocks
};

/// Hands the elements of stages to workers, block by block. Events go in, actions come out; time is an
/// argument.
///
///     scheduler.on_...(.., now);
///     while (auto action = scheduler.next_action(now)) carry_out(*action);
///
/// `next_action` is to be called after events and, while workers are idle, from time to time: what runs for
/// long is split by the time that passes, not by an event.
///
/// Rules
/// - Stages are handed out in the order in which they became ready, but those whose elements become ready later
///   (`on_elements_ready`) before the others: what they read can be forgotten the sooner, and they never have more than
///   what became ready. Elements of a stage go roughly in index order.
/// - Breadth first: a worker gets a second block only when no worker without one could take it, when the
///   blocks of the stage are measured and short, and not for the last 2 W elements, which had better not wait
///   behind a long one.
/// - Block sizes: see BlockPolicy. W is the number of workers that are not lost.
/// - When all is handed out and a worker is idle, a queued block is asked back from a worker that will not
///   come to it soon, else the rest of a block that runs for long. What comes back is split anew.
/// - Elements of teams are placed by `TeamPlanner`, before others are handed out. Workers that are held for a
///   team get blocks that are expected to be over before it can begin, and no others. After 2 W teams in a
///   row, others that wait have a turn: no team begins before them but one for which workers are held already.
///   A team of which one worker is lost is lost as a whole: the others wait for it within the function.
/// - After a failed block or a drain no block is handed out any more, what is queued is asked back, and what
///   runs is waited for; a drain also asks running blocks for their rest. No StageDone follows for what is not
///   complete.
///
/// Invariant: at any time each element of a stage is done, in exactly one block in flight, or in the pool. So
/// each is done exactly once, unless a worker is lost: what that one had in flight is handed out again,
/// though it may have been computed.
///
/// What is expected of the caller: the events of one worker arrive in the order in which it sent them, and a
/// `Retract` is not answered with elements that were, or will be, reported done. Events about blocks that are
/// over (the done that crosses a retract, what a lost worker still sends, duplicates) are ignored and
/// reported as such. An id that was never handed out is a `Bug`.
///
/// One thread at a time. No event and no action costs more with more elements or more workers
/// (`on_worker_lost`, `on_stage_ready`, `unfinished`, and a stop: O(workers + ranges)), and none allocates in
/// the steady state.
class Scheduler {
 public:
  /// Throws `Bug` for options out of range or more than 2^31 workers.
  Scheduler(SchedulerOptions options, std::vector<WorkerTraits> workers);

  /// `todo` of this stage can be computed now, in blocks of `fixed_block` elements where that is given. A
  /// stage without elements is done at once. May be called again for a stage, to have more (or lost) elements
  /// done: another StageDone follows, and the block size stays as it was. Throws `Bug` when an element of
  /// `todo` is in the pool or in flight already.
  void on_stage_ready(StageId stage, const RangeSet& todo, TimePoint now,
                      std::optional<Index> fixed_block = std::nullopt);

  /// More elements of a stage that is known by `on_stage_ready`, which never were ready before (not checked).
  void on_elements_ready(StageId stage, const RangeSet& elements);

  /// The same as `on_stage_ready` for elements that teams compute, each as a block of its own; those with `ranks` 1 are for any
  /// worker.
  void on_team_stage_ready(StageId stage, std::span<const TeamElements> todo, TimePoint now);

  /// The worker has done what it has of the block, in `busy`. Returns the block with the range that counts as
  /// done by this, or nothing when the block was over already.
  std::optional<Block> on_block_done(BlockId block, Duration busy, TimePoint now);

  /// The block was given up, and the run is to end: stops. Its elements count as unfinished. Returns the
  /// block unless it was over already. (Failed elements that the run goes on after are the business of the
  /// report of a block, which is then done.)
  std::optional<Block> on_block_failed(BlockId block, TimePoint now);

  /// The first `completed` elements of what the worker has of the block are done, and the others come back to the
  /// pool. Returns the block as it was, unless it was over already. Goes on with others: see `on_drain`.
  std::optional<Block> on_block_stopped(BlockId block, Index completed, Duration busy, TimePoint now);

  /// The worker will not compute `rest`, a suffix of what it has of the block; all of it: the block is over,
  /// no part of it will be reported done. Throws `Bug` when `rest` is anything else, or was reported done
  /// before. Returns whether `rest` came back to the pool.
  bool on_block_retracted(BlockId block, IndexRange rest, TimePoint now);

  /// Nothing is sent to this worker any more, and what it had comes back to the pool. Repeated: ignored.
  void on_worker_lost(WorkerId worker, TimePoint now);

  /// As `on_worker_lost`, but what the worker had is left undone by this scheduler: it is returned.
  std::vector<Block> take_from_lost(WorkerId worker, TimePoint now);

  /// Stops: what is running is the last.
  void on_drain(TimePoint now);

  /// The next thing to do; it counts as done when it is returned.
  std::optional<Action> next_action(TimePoint now);

  /// Nothing in flight and nothing to hand out, because all is done or because of a stop, and no action
  /// waits.
  bool finished() const;
  /// Work is left, nothing is in flight, and no worker could take any: all are lost, or only such are left
  /// whose `max_block` forbids it.
  bool stuck() const;
  /// A block failed, or there was a drain.
  bool stopped() const { return stopping_ != Stopping::no; }

  const WorkerTally& tally(WorkerId worker) const { return workers_.at(worker.value).tally; }
  /// All zero for a stage that was not ready yet.
  StageTally tally(StageId stage) const;
  /// The block is neither done nor given up.
  bool is_in_flight(BlockId block) const;
  /// What the worker has of such a block; empty where it is over.
  std::optional<Block> find_in_flight(BlockId block) const;
  /// What of the stage is in the pool or in flight.
  RangeSet unfinished(StageId stage) const;
  std::size_t worker_count() const { return workers_.size(); }
  Index blocks_in_flight() const { return counts_.in_flight; }
  bool has_running_teams() const { return !running_teams_.empty(); }
  /// Events that were ignored.
  Index late_events() const { return counts_.late_events; }

 private:
  enum class Stopping : std::uint8_t { no, queued, queued_and_running };
  enum class Asked : std::uint8_t { no, waiting, answered };

  struct Flight {
    BlockId id = 0;
    IndexRange range;
    std::uint32_t stage = 0;
    std::uint32_t ranks = 1;  // above 1: a team has it, and this is its leader
    Asked asked = Asked::no;
    bool aboard = false;
    bool was_done = false;  // how `id` ended, when it is not aboard any more
  };
  static constexpr std::size_t kDepth = 2;
  struct Worker {
    std::array<Flight, kDepth> flights;
    std::uint8_t running = 0;  // which of them; the other one waits behind it
    std::uint8_t load = 0;
    bool lost = false;
    bool in_team = false;      // with one place of `load` taken
    std::uint32_t leader = 0;  // of that team
    WorkerTraits traits;
    TimePoint since;  // when the running one began, as far as can be seen from here
    WorkerTally tally;
  };
  struct Stage {
    ElementPool pool;
    BlockPolicy policy;
    StageTally tally;
    std::uint64_t order = 0;  // position in the order of becoming ready; 0: not ready yet
  };
  struct Offer {
    std::uint32_t stage = 0;
    Index size = 0;
  };

  struct Counts {
    Index workers_alive = 0;
    Index in_flight = 0;   // blocks
    Index asked = 0;       // retracts without an answer yet
    Index splittable = 0;  // blocks in flight that could be asked for their rest, if they run for long
    Index late_events = 0;
  };

  // Blocks in flight
  std::size_t slot(BlockId block) const;
  WorkerId worker_at(std::size_t place) const { return {static_cast<std::uint32_t>(place / kDepth)}; }
  Flight& flight_at(std::size_t place) { return workers_[place / kDepth].flights[place % kDepth]; }
  const Flight& flight_at(std::size_t place) const {
    return workers_[place / kDepth].flights[place % kDepth];
  }
  bool is_aboard(BlockId block) const {
    return flight_at(slot(block)).aboard && flight_at(slot(block)).id == block;
  }
  Block settle(std::size_t place, bool done, TimePoint now);
  void relist(WorkerId worker);
  void return_to_pool(std::uint32_t stage, std::uint32_t ranks, IndexRange range);
  Stage& admit(StageId id, const RangeSet& todo, std::optional<Index> fixed_block);
  void close_if_done(StageId id);
  void lose(WorkerId worker, TimePoint now);
  bool is_splittable(const Flight& flight) const;
  void set_asked(Flight& flight, Asked asked);
  void stop(Stopping how);

  // Actions
  std::optional<Action> hand_out(TimePoint now);
  std::optional<Action> queue_ahead(TimePoint now);
  std::optional<Action> recall();
  std::optional<Action> steal(TimePoint now);
  Action assign(WorkerId worker, Offer offer, TimePoint now);
  Action ask(WorkerId worker, Flight& flight);
  // Teams (scheduler_teams.cpp)
  std::optional<Action> start_team(TimePoint now);
  Action assign_team(NextTeam team, TimePoint now);
  void relist_held();
  const std::vector<WorkerId>& team_of(WorkerId worker) const;
  void disband(WorkerId leader, TimePoint now);
  std::optional<Action> fill_in(TimePoint now);
  std::optional<TimePoint> team_begins(TimePoint now) const;
  std::optional<TimePoint> expected_idle(WorkerId worker) const;
  Flight& running_of(Worker& worker) { return worker.flights[worker.running]; }
  Flight& queued_of(Worker& worker) { return worker.flights[1 - worker.running]; }

  // Judgements
  std::optional<Offer> offer_for_limited(Duration max_block) const;
  bool others_have_a_turn() const;
  bool may_queue_behind(const Worker& worker, TimePoint now) const;
  std::optional<WorkerId> longest_waiting(TimePoint now);
  std::optional<WorkerId> long_running(TimePoint now);

  SchedulerOptions options_;
  std::vector<Worker> workers_;
  std::vector<Stage> stages_;
  WorkerLists lists_;
  TeamPlanner teams_;
  std::unordered_map<std::uint32_t, std::vector<WorkerId>> running_teams_;  // by leader
  std::uint64_t held_version_ = 0;                                          // of what `lists_` shows as held
  Index teams_in_a_row_ = 0;
  std::vector<std::uint32_t> open_;   // stages with elements in the pool, in the order of becoming ready
  std::vector<StageId> done_stages_;  // from done_position_ on: to be told
  std::size_t done_position_ = 0;
  std::uint64_t next_order_ = std::uint64_t{1} << 32;
  std::uint64_t front_order_ = next_order_ - 1;  // of the next stage that goes before all others
  std::uint64_t next_sequence_ = 1;
  // A BlockId is a sequence number and, in these low bits, a place among the flights.
  unsigned slot_bits_ = 0;
  Counts counts_;
  Stopping stopping_ = Stopping::no;
  std::size_t recall_position_ = 0;
  std::size_t split_position_ = 0;
};

}  // namespace mpipe
