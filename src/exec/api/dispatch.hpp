// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The loop that connects the scheduler, which only thinks, with workers, which only do.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/pool.hpp>

#include "comm/api/waiter.hpp"
#include "schedule/api/scheduler.hpp"

#include <span>

namespace mpipe {

/// Hears what happens, after the scheduler was told and before it acts. Called by the dispatching thread; may
/// tell the scheduler things of its own (`on_drain`, `on_stage_ready`). What it throws ends the dispatch.
class DispatchObserver {
 public:
  virtual ~DispatchObserver() = default;
  virtual void on_assigned(WorkerId, const Block&, TimePoint) {}
  /// `block` is what counts as done by this report.
  virtual void on_block_done(WorkerId, const Block& /*block*/, BlockReport&, TimePoint) {}
  /// The report has a failure; the scheduler has stopped handing out. Its first `completed` elements are
  /// done.
  virtual void on_block_failed(WorkerId, const Block& /*block*/, BlockReport&, TimePoint) {}
  /// Nothing of the block was computed, and there will be no report.
  virtual void on_block_given_back(WorkerId, const Block&, TimePoint) {}
  /// A function was told to stop, and left all but the first `completed` elements of `block` to somebody else.
  virtual void on_block_stopped(WorkerId, const Block& /*block*/, BlockReport&, TimePoint) {}
  /// Of an element that a team computes, and that is not over.
  virtual void on_team_news(WorkerId, TeamNews&, TimePoint) {}
  virtual void on_stage_done(StageId, TimePoint) {}
  /// After each event, and now and then while nothing happens; must be cheap.
  virtual void on_turn(TimePoint) {}
};

/// Carries out what the scheduler wants and tells it what comes of it, turn by turn. All given must outlive
/// it.
class Dispatcher {
 public:
  Dispatcher(Scheduler& scheduler, Pool& pool, const Clock& clock, DispatchObserver& observer)
      : scheduler_(scheduler), pool_(pool), clock_(clock), observer_(observer) {}

  /// At most one event, and all actions that follow from it. Never waits. Returns whether there was an event.
  bool turn();
  /// What time alone brings about: to be called now and then while there are no events.
  void look_around();

  const Scheduler& scheduler() const { return scheduler_; }
  Pool& pool() { return pool_; }

 private:
  void tell(PoolEvent& event, TimePoint now);
  void act(TimePoint now);

  Scheduler& scheduler_;
  Pool& pool_;
  const Clock& clock_;
  DispatchObserver& observer_;
};

/// Turn by turn, until all schedulers are finished. Waits as `Waiter` does. Throws `Error` (rank_lost) when
/// work is left that no worker could do, or when nothing happens for longer than the limit of `wait`, if
/// there is one.
void dispatch(std::span<Dispatcher> dispatchers, const WaitOptions& wait);
/// The same with one.
void dispatch(Scheduler& scheduler, Pool& pool, const Clock& clock, DispatchObserver& observer,
              const WaitOptions& wait);

}  // namespace mpipe
