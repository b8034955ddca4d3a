// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/error.hpp>
#include <mpipe/exec/dispatch.hpp>

#include <fmt/format.h>

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
  void operator()(const Retract& retract) const { pool.retract(retract.worker, retract.block); }
  void operator()(const StageDone& done) const { observer.on_stage_done(done.stage, now); }
};

[[noreturn]] void give_up(const Scheduler& scheduler, const Waiter& waiter) {
  throw Error(
      Category::rank_lost,
      fmt::format(
          "Nothing was heard of {} block(s) for {:.1f} s (a worker is lost, or a function takes longer "
          "than the limit). Look at the logs of the other ranks; the limit is MPIPE_WAIT_LIMIT.",
          scheduler.blocks_in_flight(), seconds(waiter.waited())));
}

}  // namespace

bool Dispatcher::turn() {
  std::optional<PoolEvent> event = pool_.poll();
  if (!event) return false;
  const TimePoint now = clock_.now();
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
    scheduler_.on_block_retracted(retracted->block, retracted->rest, now);
    return;
  }
  BlockReport& report = std::get<BlockReport>(event.what);
  if (report.failure) {
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

void dispatch(Scheduler& scheduler, Pool& pool, const Clock& clock, DispatchObserver& observer,
              const WaitOptions& wait) {
  Dispatcher dispatcher(scheduler, pool, clock, observer);
  Waiter waiter(wait);
  dispatcher.look_around();
  while (!scheduler.finished()) {
    if (dispatcher.turn()) {
      waiter.reset();
      continue;
    }
    if (pool.computes_inline()) {  // the poll was a slice of work
      waiter.reset();
      dispatcher.look_around();
      continue;
    }
    if (scheduler.stuck()) {
      throw Error(
          Category::rank_lost,
          "Work is left, and no worker that could do it (all are lost, or allowed short blocks only). "
          "Resume the run.");
    }
    const Duration pause = waiter.next_pause();
    if (pause > Duration::zero()) pool.pause(pause);
    if (waiter.looked()) dispatcher.look_around();
    if (waiter.expired()) give_up(scheduler, waiter);
  }
}

}  // namespace mpipe
