// SPDX-License-Identifier: BSD-3-Clause
// The loop of rank 0: what it tells the scheduler and the observer, and how it ends when nothing more can
// come.
#include "protocol/farm.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/printing.hpp"

#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::CountingHandler;
using test::Farm;
using test::Ledger;
using test::ManualClock;
using namespace std::chrono_literals;

// Notes everything in order.
class Log final : public DispatchObserver {
 public:
  void on_assigned(WorkerId, const Block& block, TimePoint) override { note("assigned", block); }
  void on_block_done(WorkerId, const Block& block, BlockReport&, TimePoint) override { note("done", block); }
  void on_block_failed(WorkerId, const Block& block, BlockReport& report, TimePoint) override {
    note("failed after " + std::to_string(report.completed) + " of", block);
  }
  void on_stage_done(StageId stage, TimePoint) override {
    entries.push_back("stage done " + std::to_string(stage.value));
  }
  void on_turn(TimePoint now) override {
    ++turns;
    EXPECT_GE(now, last);
    last = now;
  }

  std::vector<std::string> entries;
  int turns = 0;
  TimePoint last{};

 private:
  void note(const std::string& what, const Block& block) {
    entries.push_back(what + " " + std::to_string(block.range.begin) + "-" + std::to_string(block.range.end));
  }
};

struct Sequential {
  ManualClock clock;
  CountingHandler handler{clock, 10us};
  InlinePool pool{handler, clock, {}};
  Scheduler scheduler{{.fixed_block = 2}, {WorkerTraits{.max_block = std::nullopt, .may_prefetch = false}}};
  Log log;

  void run() { dispatch(scheduler, pool, clock, log, {}); }
};

TEST(Dispatch, in_one_thread) {
  Sequential one;
  one.scheduler.on_stage_ready({0}, {{0, 5}}, one.clock.now());
  one.run();
  EXPECT_EQ(one.log.entries, (std::vector<std::string>{"assigned 0-2", "done 0-2", "assigned 2-4", "done 2-4",
                                                       "assigned 4-5", "done 4-5", "stage done 0"}));
  EXPECT_GE(one.log.turns, 3);
  EXPECT_EQ(one.scheduler.tally(StageId{0}).busy, 50us);
  EXPECT_TRUE(one.scheduler.finished());
}

TEST(Dispatch, with_nothing_to_do_returns) {
  Sequential one;
  one.run();
  EXPECT_TRUE(one.log.entries.empty());
  one.scheduler.on_stage_ready({0}, {}, one.clock.now());
  one.run();
  EXPECT_EQ(one.log.entries, std::vector<std::string>{"stage done 0"});
}

TEST(Dispatch, ends_after_a_failure) {
  Sequential one;
  one.handler.fails_at = 3;
  one.scheduler.on_stage_ready({0}, {{0, 10}}, one.clock.now());
  one.run();
  EXPECT_EQ(one.log.entries,
            (std::vector<std::string>{"assigned 0-2", "done 0-2", "assigned 2-4", "failed after 1 of 2-4"}));
  EXPECT_TRUE(one.scheduler.stopped());
}

TEST(Dispatch, can_be_called_for_one_wave_after_the_other) {
  Sequential one;
  for (const std::uint32_t wave : {0U, 1U, 2U}) {
    one.scheduler.on_stage_ready({wave}, {{0, 2}}, one.clock.now());
    one.run();
    EXPECT_EQ(one.log.entries.back(), "stage done " + std::to_string(wave));
  }
  EXPECT_EQ(one.handler.computed.size(), 6U);
}

TEST(Dispatch, breadth_first_over_the_workers) {
  Farm farm({.workers = 4});
  Scheduler scheduler({.fixed_block = 1}, farm.traits());
  struct Receivers final : Ledger {
    void on_assigned(WorkerId worker, const Block& block, TimePoint now) override {
      Ledger::on_assigned(worker, block, now);
      workers.push_back(worker.value);
    }
    std::vector<std::uint32_t> workers;
  } ledger;
  scheduler.on_stage_ready({0}, {{0, 40}}, farm.clock.now());
  dispatch(scheduler, farm, farm.clock, ledger, {});
  ASSERT_EQ(ledger.workers.size(), 40U);
  EXPECT_EQ(std::vector<std::uint32_t>(ledger.workers.begin(), ledger.workers.begin() + 4),
            (std::vector<std::uint32_t>{0, 1, 2, 3}));
  farm.shut_down();
}

// Fast elements are computed in few messages, once their time is known.
TEST(Dispatch, blocks_grow) {
  Farm farm({.workers = 2, .cost = [](StageId, Index) { return 10ns; }});
  Scheduler scheduler({}, farm.traits());
  Ledger ledger;
  scheduler.on_stage_ready({0}, {{0, 100'000}}, farm.clock.now());
  dispatch(scheduler, farm, farm.clock, ledger, {});
  EXPECT_EQ(ledger.done[0], (RangeSet{{0, 100'000}}));
  EXPECT_LT(ledger.assigned, 100);
  EXPECT_GT(ledger.longest_block, 1000);
  farm.shut_down();
}

// A worker with a long block is asked for the rest of it when the other has nothing to do.
TEST(Dispatch, idle_workers_get_the_rest_of_long_blocks) {
  const auto cost = [](StageId, Index element) {
    return 2 <= element && element < 250 ? Duration(20ms) : Duration(1us);
  };
  Farm farm({.workers = 2, .cost = cost});
  Scheduler scheduler({.target_block = 10ms, .growth = 1000}, farm.traits());
  Ledger ledger;
  scheduler.on_stage_ready({0}, {{0, 1000}}, farm.clock.now());
  dispatch(scheduler, farm, farm.clock, ledger, {});
  EXPECT_GT(farm.retracts, 0);
  EXPECT_GT(farm.given_back_part, 0);
  EXPECT_EQ(ledger.done[0], (RangeSet{{0, 1000}}));
  farm.shut_down();
}

// A pool that never has anything to say.
class SilentPool final : public Pool {
 public:
  std::uint32_t worker_count() const override { return 1; }
  void start(WorkerId, const Block&) override {}
  void retract(WorkerId, BlockId) override {}
  std::optional<PoolEvent> poll() override { return std::nullopt; }
  void pause(Duration) override { ++pauses; }
  int pauses = 0;
};

TEST(Dispatch, gives_up_at_the_limit) {
  ManualClock clock;
  SilentPool pool;
  Scheduler scheduler({}, {WorkerTraits{}});
  Log log;
  scheduler.on_stage_ready({0}, {{0, 5}}, clock.now());
  const std::string message = test::error_message(Category::rank_lost, [&] {
    dispatch(scheduler, pool, clock, log, {.mode = WaitMode::backoff, .limit = 3ms});
  });
  EXPECT_TRUE(test::contains(message, "1 block(s)"));
  EXPECT_TRUE(test::contains(message, "MPIPE_WAIT_LIMIT"));
  EXPECT_GT(pool.pauses, 0);
  EXPECT_GT(log.turns, 1);  // what is due from time to time was done while it waited
}

TEST(Dispatch, work_that_nobody_can_do_is_an_error) {
  ManualClock clock;
  SilentPool pool;
  Log log;
  Scheduler only_short_blocks({}, {WorkerTraits{.max_block = 1us, .may_prefetch = false}});
  only_short_blocks.on_stage_ready({0}, {{0, 5}}, clock.now());
  const auto run = [&](Scheduler& scheduler) {
    return test::error_message(Category::rank_lost, [&] { dispatch(scheduler, pool, clock, log, {}); });
  };
  EXPECT_TRUE(test::contains(run(only_short_blocks), "no worker"));

  Scheduler nobody_left({}, {WorkerTraits{}});
  nobody_left.on_stage_ready({0}, {{0, 5}}, clock.now());
  nobody_left.on_worker_lost({0}, clock.now());
  EXPECT_TRUE(test::contains(run(nobody_left), "Resume"));
}

TEST(Dispatcher, takes_one_event_per_turn) {
  Sequential one;
  Dispatcher dispatcher(one.scheduler, one.pool, one.clock, one.log);
  EXPECT_FALSE(dispatcher.turn());
  one.scheduler.on_stage_ready({0}, {{0, 4}}, one.clock.now());
  EXPECT_FALSE(dispatcher.turn());  // nothing was handed out yet
  EXPECT_TRUE(one.log.entries.empty());
  dispatcher.look_around();
  EXPECT_EQ(one.log.entries, std::vector<std::string>{"assigned 0-2"});
  while (!dispatcher.turn()) continue;
  EXPECT_EQ(one.log.entries, (std::vector<std::string>{"assigned 0-2", "done 0-2", "assigned 2-4"}));
}

// An observer hears of an event after the scheduler did, so that it can ask it, and may end everything.
TEST(Dispatcher, observers_may_tell_the_scheduler_things) {
  struct Draining final : DispatchObserver {
    explicit Draining(Scheduler& scheduler_of_run) : scheduler(scheduler_of_run) {}
    void on_block_done(WorkerId, const Block&, BlockReport&, TimePoint now) override {
      EXPECT_EQ(scheduler.blocks_in_flight(), 0);
      scheduler.on_drain(now);
    }
    Scheduler& scheduler;
  };
  Sequential one;
  Draining observer(one.scheduler);
  one.scheduler.on_stage_ready({0}, {{0, 10}}, one.clock.now());
  dispatch(one.scheduler, one.pool, one.clock, observer, {});
  EXPECT_EQ(one.handler.computed.size(), 2U);
  EXPECT_EQ(one.scheduler.unfinished({0}), (RangeSet{{2, 10}}));
}

}  // namespace
}  // namespace mpipe
