// SPDX-License-Identifier: BSD-3-Clause
// The loop between schedulers and pools: events go in, actions come out, and it waits if there is neither.
#include "exec/api/dispatch.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/waiter.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {

namespace {

/// Carries out one action, one overload each.
struct Actor {
  Pool& pool;
  DispatchObserver& observer;
  TimePoint now;

  void operator()(const Assign& assign) const {
    pool.start(assign.worker, assign.block);
    observer.on_assigned(assign.worker, assign.block, now);
  }
  void operator()(const AssignTeam& assign) const {
    pool.start_team(assign.members, assign.block);
    // The first member leads the team and reports, so the block counts as its own.
    observer.on_assigned(assign.members.front(), assign.block, now);
  }
  void operator()(const Retract& retract) const { pool.retract(retract.worker, retract.block); }
  void operator()(const StageDone& done) const { observer.on_stage_done(done.stage, now); }
};

[[noreturn]] void give_up(std::span<const Dispatcher> dispatchers, const Waiter& waiter) {
  Index in_flight = 0;
  for (const Dispatcher& dispatcher : dispatchers) in_flight += dispatcher.scheduler().blocks_in_flight();
  throw Error(
      Category::rank_lost,
      fmt::format(
          "Nothing was heard of {} block(s) for {:.1f} s (a worker is lost, or a function takes longer "
          "than the limit). Look at the logs of the other ranks; the limit is MPIPE_WAIT_LIMIT.",
          in_flight, seconds(waiter.waited())));
}

}  // namespace

bool Dispatcher::turn() {
  std::optional<PoolEvent> event = pool_.poll();
  if (!event) return false;
  const TimePoint now = clock_.now();
  // The scheduler is told before it acts, and observers hear of the event in between: they may still tell
  // it things that change what it does next.
  tell(*event, now);
  observer_.on_turn(now);
  act(now);
  return true;
}

void Dispatcher::look_around() {
  const TimePoint now = clock_.now();
  observer_.on_turn(now);
  act(now);
}

void Dispatcher::tell(PoolEvent& event, TimePoint now) {
  if (const auto* retracted = std::get_if<RetractedBlock>(&event.what)) {
    const std::optional<Block> block = scheduler_.find_in_flight(retracted->block);
    scheduler_.on_block_retracted(retracted->block, retracted->rest, now);
    if (block && !scheduler_.is_in_flight(block->id))
      observer_.on_block_given_back(event.worker, *block, now);
    return;
  }
  if (auto* news = std::get_if<TeamNews>(&event.what)) {
    // Frames of several workers come in any order: this one may be behind the report.
    if (scheduler_.is_in_flight(news->block)) observer_.on_team_news(event.worker, *news, now);
    return;
  }
  BlockReport& report = std::get<BlockReport>(event.what);
  // The scheduler knows whether the block still counts. If it was over already, the observer hears nothing
  // of the report, or its elements would be counted twice.
  if (report.stopped) {
    if (const auto block = scheduler_.on_block_stopped(report.block.id, report.completed, report.busy, now)) {
      observer_.on_block_stopped(event.worker, *block, report, now);
    }
  } else if (report.failure) {
    if (const auto block = scheduler_.on_block_failed(report.block.id, now)) {
      observer_.on_block_failed(event.worker, *block, report, now);
    }
  } else if (const auto block = scheduler_.on_block_done(report.block.id, report.busy, now)) {
    observer_.on_block_done(event.worker, *block, report, now);
  }
}

void Dispatcher::act(TimePoint now) {
  while (const std::optional<Action> action = scheduler_.next_action(now)) {
    std::visit(Actor{pool_, observer_, now}, *action);
  }
}

namespace {

bool all_finished(std::span<const Dispatcher> dispatchers) {
  return std::all_of(dispatchers.begin(), dispatchers.end(),
                     [](const Dispatcher& d) { return d.scheduler().finished(); });
}

bool any_computes_inline(std::span<Dispatcher> dispatchers) {
  return std::any_of(dispatchers.begin(), dispatchers.end(),
                     [](Dispatcher& d) { return d.pool().computes_inline(); });
}

void require_progress(std::span<const Dispatcher> dispatchers) {
  if (std::none_of(dispatchers.begin(), dispatchers.end(),
                   [](const Dispatcher& d) { return d.scheduler().stuck(); }))
    return;
  throw Error(Category::rank_lost,
              "Work is left, and no worker that could do it (all are lost, or allowed short blocks only). "
              "Resume the run.");
}

/// Where something is going on, so that its end also ends the pause.
Pool& pool_to_wait_for(std::span<Dispatcher> dispatchers) {
  for (Dispatcher& dispatcher : dispatchers)
    if (dispatcher.scheduler().blocks_in_flight() > 0) return dispatcher.pool();
  return dispatchers.front().pool();
}

void look_around(std::span<Dispatcher> dispatchers) {
  for (Dispatcher& dispatcher : dispatchers) dispatcher.look_around();
}

}  // namespace

void dispatch(std::span<Dispatcher> dispatchers, const WaitOptions& wait) {
  Waiter waiter(wait);
  look_around(dispatchers);
  while (!all_finished(dispatchers)) {
    bool any_event = false;
    for (Dispatcher& dispatcher : dispatchers) {
      const bool event = dispatcher.turn();
      any_event = any_event || event;
      // What has no event now may be waiting for time to pass, while others are busy.
      if (!event && any_event) dispatcher.look_around();
    }
    if (any_event) {
      waiter.reset();
      continue;
    }
    if (any_computes_inline(dispatchers)) {  // the poll was a slice of work
      waiter.reset();
      look_around(dispatchers);
      continue;
    }
    // Looked at before the pause: a scheduler that is stuck would otherwise wait for the limit, or for ever
    // without one.
    require_progress(dispatchers);
    const Duration pause = waiter.next_pause();
    if (pause > Duration::zero()) pool_to_wait_for(dispatchers).pause(pause);
    if (waiter.looked()) look_around(dispatchers);
    if (waiter.expired()) give_up(dispatchers, waiter);
  }
}

void dispatch(Scheduler& scheduler, Pool& pool, const Clock& clock, DispatchObserver& observer,
              const WaitOptions& wait) {
  Dispatcher dispatcher(scheduler, pool, clock, observer);
  dispatch(std::span(&dispatcher, 1), wait);
}

}  // namespace mpipe
