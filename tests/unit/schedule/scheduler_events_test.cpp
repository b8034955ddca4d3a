// SPDX-License-Identifier: BSD-3-Clause
// What a scheduler makes of blocks that are handed back, end twice or fail, of drains, and of workers that are lost.
#include <mpipe/core/error.hpp>

#include "schedule/api/scheduler.hpp"
#include "unit/schedule/scheduler_driver.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

using test::elements;
using test::Ids;
using test::receivers;
using test::SchedulerDriver;
using test::workers;
using namespace std::chrono_literals;

// Taking back

// Two workers that do elements of 1 ms, until all is handed out; each has a running and a queued block.
struct End {
  SchedulerDriver driver;
  Block running, queued;  // of worker 0
};

End end_of_work() {
  // The other stage is there so that stage 0 is not near the end of all work, and gets second blocks.
  End end{SchedulerDriver{{{}, workers(2)}}, {}, {}};
  end.driver.ready(0, elements(6));
  const auto first = end.driver.assigned;
  end.driver.ready(1, elements(1));
  end.driver.done(first[0].block, 1ms);
  end.running = end.driver.assigned.at(0).block;
  end.driver.done(first[1].block, 1ms);
  // Worker 1 has elements 3 and 5, worker 0 has 2 and 4, and stage 1 is left.
  EXPECT_EQ(receivers(end.driver.assigned), (Ids{1, 0, 1}));
  const Block a = end.driver.assigned[0].block, b = end.driver.assigned[2].block;
  end.queued = end.driver.assigned[1].block;
  end.driver.done(a, 1ms);
  EXPECT_EQ(receivers(end.driver.assigned), (Ids{})) << "one element of a stage of unknown length";
  end.driver.done(b, 1ms);
  EXPECT_EQ(receivers(end.driver.assigned), (Ids{1}));
  EXPECT_TRUE(end.driver.retracted.empty());
  end.driver.done(end.driver.assigned[0].block, 1ms);
  return end;
}

TEST(Scheduler, TakesAQueuedBlockBackForAnIdleWorker) {
  End end = end_of_work();
  ASSERT_EQ(end.driver.retracted.size(), 1u);
  EXPECT_EQ(end.driver.retracted[0].worker, WorkerId{0});
  EXPECT_EQ(end.driver.retracted[0].block, end.queued.id);
  end.driver.act();
  EXPECT_TRUE(end.driver.retracted.empty()) << "asked once";
  EXPECT_TRUE(end.driver.scheduler.on_block_retracted(end.queued.id, end.queued.range, end.driver.now));
  end.driver.act();
  ASSERT_EQ(receivers(end.driver.assigned), (Ids{1}));
  EXPECT_EQ(end.driver.assigned[0].block.range, end.queued.range);
  end.driver.done(end.driver.assigned[0].block, 1ms);
  end.driver.done(end.running, 20ms);
  EXPECT_EQ(end.driver.stages_done, (std::vector<StageId>{{0}}));
  EXPECT_TRUE(end.driver.scheduler.finished());
}

TEST(Scheduler, TakesBackWhatACallLeftThatWasToldToStop) {
  SchedulerDriver driver{{{}, workers(1)}};
  driver.ready(0, elements(10), 10);
  const Block block = driver.assigned.at(0).block;
  const auto whole = driver.scheduler.on_block_stopped(block.id, 4, 1ms, driver.now);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->range, block.range);
  EXPECT_EQ(driver.scheduler.tally(StageId{0}).done, 4);
  EXPECT_FALSE(driver.scheduler.find_in_flight(block.id));
  driver.scheduler.on_drain(driver.now);
  EXPECT_EQ(driver.scheduler.unfinished(StageId{0}), RangeSet({{4, 10}}));
  EXPECT_TRUE(driver.scheduler.finished());
  EXPECT_FALSE(driver.scheduler.on_block_stopped(block.id, 4, 1ms, driver.now)) << "it is over";
}

TEST(Scheduler, AcceptsADoneThatCrossesARetract) {
  End end = end_of_work();
  end.driver.done(end.running, 3ms);
  end.driver.done(end.queued, 1ms);
  EXPECT_TRUE(end.driver.scheduler.finished());
  EXPECT_FALSE(end.driver.scheduler.on_block_retracted(end.queued.id, {}, end.driver.now));
  EXPECT_EQ(end.driver.scheduler.late_events(), 1);
  EXPECT_TRUE(end.driver.scheduler.finished());
}

TEST(Scheduler, AcceptsThatThereIsNothingToGiveBack) {
  End end = end_of_work();
  EXPECT_FALSE(end.driver.scheduler.on_block_retracted(end.queued.id, {}, end.driver.now));
  end.driver.act();
  EXPECT_TRUE(end.driver.retracted.empty()) << "not asked again";
  end.driver.done(end.running, 3ms);
  end.driver.done(end.queued, 1ms);
  EXPECT_TRUE(end.driver.scheduler.finished());
}

TEST(Scheduler, LeavesAQueuedBlockThatIsSoonBegun) {
  SchedulerDriver driver{{{.target_block = 100ms}, workers(2)}};  // nothing here takes as long
  driver.ready(0, elements(6));
  const auto first = driver.assigned;
  driver.ready(1, elements(1));
  driver.done(first[0].block, 1ms);
  driver.done(first[1].block, 1ms);
  const auto second = driver.assigned;
  ASSERT_EQ(receivers(second), (Ids{1, 0, 1}));
  driver.done(second[0].block, 1ms);
  driver.done(second[2].block, 1ms);
  driver.done(driver.assigned.at(0).block, 1ms);
  EXPECT_TRUE(driver.retracted.empty());
  driver.now += 100ms;
  driver.act();
  EXPECT_EQ(driver.retracted.size(), 1u) << "by the time that passes";
}

// One block of 8 elements runs, after 2 that took 1 us each, and nothing else is left.
struct Long {
  SchedulerDriver driver{{{.growth = 8}, workers(2)}};
  Block block;
};

Long long_block(std::optional<Index> fixed_block = std::nullopt) {
  Long work;
  work.driver.ready(0, elements(34), fixed_block);
  const auto first = work.driver.assigned;
  work.driver.done(first[0].block, 1us);
  work.block = work.driver.assigned.at(0).block;
  while (work.driver.waiting.size() > 1) {  // worker 1 does all the rest, and gets no second blocks
    const auto& waiting = work.driver.waiting;
    work.driver.done(waiting[waiting[0].id == work.block.id ? 1 : 0], 7ms);
  }
  return work;
}

TEST(Scheduler, SplitsABlockThatRunsForLong) {
  Long work = long_block();
  ASSERT_EQ(work.block.range.size(), 8);
  ASSERT_EQ(work.driver.retracted.size(), 1u);
  EXPECT_EQ(work.driver.retracted[0].block, work.block.id);
  const IndexRange range = work.block.range;
  EXPECT_TRUE(
      work.driver.scheduler.on_block_retracted(work.block.id, {range.begin + 2, range.end}, work.driver.now));
  EXPECT_EQ(work.driver.scheduler.tally(StageId{0}).in_flight, 2);
  work.driver.act();
  ASSERT_EQ(receivers(work.driver.assigned), (Ids{1}));
  EXPECT_EQ(work.driver.assigned[0].block.range, (IndexRange{range.begin + 2, range.begin + 3}))
      << "split anew";
  const auto done = work.driver.scheduler.on_block_done(work.block.id, 20ms, work.driver.now);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->range, (IndexRange{range.begin, range.begin + 2})) << "what it had left";
  work.driver.forget(work.block.id);
  work.driver.act();
  work.driver.run(7ms);
  EXPECT_TRUE(work.driver.scheduler.finished());
  EXPECT_EQ(work.driver.scheduler.tally(StageId{0}).done, 34);
}

TEST(Scheduler, LeavesBlocksOfFixedSizeWhole) {
  const Long work = long_block(2);
  EXPECT_EQ(work.driver.scheduler.blocks_in_flight(), 1);
  EXPECT_TRUE(work.driver.retracted.empty());
}

TEST(Scheduler, RefusesAWrongRest) {
  Long work = long_block();
  Scheduler& scheduler = work.driver.scheduler;
  const IndexRange range = work.block.range;
  EXPECT_THROW(scheduler.on_block_retracted(work.block.id, {range.begin, range.end - 1}, {}), Bug);
  EXPECT_THROW(scheduler.on_block_retracted(work.block.id, {range.begin - 1, range.end}, {}), Bug);
  scheduler.on_block_done(work.block.id, 1s, work.driver.now);
  EXPECT_THROW(scheduler.on_block_retracted(work.block.id, range, {}), Bug) << "was done";
}

// Stopping

TEST(Scheduler, StopsAfterAFailure) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(1000));
  const auto first = driver.assigned;
  driver.done(first[0].block, 1ms);
  driver.done(first[1].block, 1ms);
  const auto second = driver.assigned;
  ASSERT_EQ(receivers(second), (Ids{1, 0, 1}));
  const auto failed = driver.scheduler.on_block_failed(second[0].block.id, driver.now);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->range, second[0].block.range);
  driver.act();
  EXPECT_TRUE(driver.scheduler.stopped());
  EXPECT_TRUE(driver.assigned.empty());
  ASSERT_EQ(driver.retracted.size(), 1u) << "worker 1 computes its second one now";
  EXPECT_EQ(driver.retracted[0].block, second[1].block.id);
  driver.scheduler.on_block_retracted(second[1].block.id, second[1].block.range, driver.now);
  driver.done(second[2].block, 1ms);
  EXPECT_FALSE(driver.scheduler.finished()) << "one still runs";
  driver.scheduler.on_block_failed(first[0].block.id, driver.now);
  EXPECT_EQ(driver.scheduler.late_events(), 1);
  EXPECT_TRUE(driver.stages_done.empty());
}

TEST(Scheduler, FinishesWhatRunsAfterAFailure) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(3));
  const auto first = driver.assigned;
  driver.scheduler.on_block_failed(first[0].block.id, driver.now);
  driver.act();
  EXPECT_FALSE(driver.scheduler.finished());
  driver.done(first[1].block, 1ms);
  EXPECT_TRUE(driver.scheduler.finished());
  EXPECT_FALSE(driver.scheduler.stuck());
  EXPECT_EQ(driver.scheduler.unfinished({0}), (RangeSet{{0, 1}, {2, 3}}));
}

TEST(Scheduler, DrainTakesBackWhatHasNotBegun) {
  SchedulerDriver driver{{{.fixed_block = 10}, workers(2)}};
  driver.ready(0, elements(1000));
  const auto first = driver.assigned;
  driver.scheduler.on_drain(driver.now);
  driver.act();
  ASSERT_EQ(driver.retracted.size(), 2u) << "running blocks too, as they have several elements";
  driver.scheduler.on_block_retracted(first[0].block.id, {4, 10}, driver.now);
  driver.done(first[0].block, 1ms);
  driver.done(first[1].block, 1ms);
  EXPECT_TRUE(driver.scheduler.finished());
  EXPECT_EQ(driver.scheduler.unfinished({0}), (RangeSet{{4, 10}, {20, 1000}}));
  driver.ready(1, elements(5));
  EXPECT_TRUE(driver.assigned.empty());
  EXPECT_TRUE(driver.scheduler.finished());
}

TEST(Scheduler, DrainsFurtherAfterAFailure) {
  SchedulerDriver driver{{{.fixed_block = 10}, workers(2)}};
  driver.ready(0, elements(1000));
  driver.scheduler.on_block_failed(driver.assigned[0].block.id, driver.now);
  driver.act();
  EXPECT_TRUE(driver.retracted.empty());
  driver.scheduler.on_drain(driver.now);
  driver.act();
  EXPECT_EQ(driver.retracted.size(), 1u);
}

TEST(Scheduler, ReportsAStageThatIsCompleteInSpiteOfADrain) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(2));
  const auto first = driver.assigned;
  driver.scheduler.on_drain(driver.now);
  driver.act();
  driver.done(first[0].block, 1ms);
  driver.done(first[1].block, 1ms);
  EXPECT_EQ(driver.stages_done, (std::vector<StageId>{{0}}));
}

// Lost workers

TEST(Scheduler, HandsOutAgainWhatALostWorkerHad) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(3));
  const auto first = driver.assigned;
  driver.scheduler.on_worker_lost({0}, driver.now);
  driver.scheduler.on_worker_lost({0}, driver.now);
  driver.forget(first[0].block.id);
  driver.act();
  EXPECT_TRUE(driver.assigned.empty());
  EXPECT_FALSE(driver.scheduler.on_block_done(first[0].block.id, 1ms, driver.now)) << "too late";
  EXPECT_FALSE(driver.scheduler.on_block_retracted(first[0].block.id, first[0].block.range, driver.now));
  driver.done(first[1].block, 1ms);
  ASSERT_EQ(receivers(driver.assigned), (Ids{1}));
  EXPECT_EQ(driver.assigned[0].block.range, first[0].block.range) << "first of all";
  EXPECT_EQ(driver.run(1ms).size(), 2u);
  EXPECT_TRUE(driver.scheduler.finished());
  EXPECT_EQ(driver.scheduler.tally(WorkerId{0}).blocks, 0);
}

TEST(Scheduler, LeavesUndoneWhatIsTakenFromALostWorker) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(3));
  const auto first = driver.assigned;
  const std::vector<Block> had = driver.scheduler.take_from_lost({0}, driver.now);
  ASSERT_EQ(had.size(), 1u);
  EXPECT_EQ(had[0].range, first[0].block.range);
  EXPECT_EQ(had[0].stage, first[0].block.stage);
  driver.forget(first[0].block.id);
  EXPECT_TRUE(driver.scheduler.take_from_lost({0}, driver.now).empty()) << "it has nothing any more";
  EXPECT_FALSE(driver.scheduler.on_block_done(first[0].block.id, 1ms, driver.now)) << "too late";
  driver.done(first[1].block, 1ms);
  for (const Block& block : driver.run(1ms)) EXPECT_FALSE(block.range == first[0].block.range);
  EXPECT_TRUE(driver.scheduler.finished()) << "there is nothing that it could hand out";
  EXPECT_EQ(driver.stages_done, std::vector<StageId>{}) << "not all of the stage is done";
}

TEST(Scheduler, IsStuckWithoutWorkers) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(10));
  driver.scheduler.on_worker_lost({0}, driver.now);
  EXPECT_FALSE(driver.scheduler.stuck());
  driver.scheduler.on_worker_lost({1}, driver.now);
  EXPECT_TRUE(driver.scheduler.stuck());
  driver.scheduler.on_drain(driver.now);
  EXPECT_FALSE(driver.scheduler.stuck());
  EXPECT_TRUE(driver.scheduler.finished());
  SchedulerDriver none{{{}, {}}};
  none.ready(0, elements(1));
  EXPECT_TRUE(none.scheduler.stuck());
}

// Events that make no sense

TEST(Scheduler, RefusesBlocksThatNeverWere) {
  SchedulerDriver driver{{{}, workers(3)}};
  driver.ready(0, elements(10));
  EXPECT_THROW(driver.scheduler.on_block_done(0, 1ms, {}), Bug);
  EXPECT_THROW(driver.scheduler.on_block_done(1'000'000, 1ms, {}), Bug);
  EXPECT_THROW(driver.scheduler.on_block_failed(~BlockId{0}, {}), Bug);
  EXPECT_THROW(driver.scheduler.on_block_done(driver.assigned[0].block.id | 7, 1ms, {}), Bug)
      << "no such place";
}

TEST(Scheduler, IgnoresASecondDone) {
  SchedulerDriver driver{{{}, workers(1)}};
  driver.ready(0, elements(10));
  const Block block = driver.assigned[0].block;
  driver.done(block, 1ms);
  const auto next = driver.assigned;
  driver.done(block, 1ms);
  EXPECT_TRUE(driver.assigned.empty());
  EXPECT_EQ(driver.scheduler.tally(StageId{0}).done, 1);
  EXPECT_EQ(driver.scheduler.late_events(), 1);
  EXPECT_EQ(driver.scheduler.blocks_in_flight(), static_cast<Index>(next.size()));
}

TEST(Scheduler, CountsWhatWorkersDid) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(100));
  driver.run(10us);
  const WorkerTally& a = driver.scheduler.tally(WorkerId{0});
  const WorkerTally& b = driver.scheduler.tally(WorkerId{1});
  const StageTally stage = driver.scheduler.tally(StageId{0});
  EXPECT_EQ(a.elements + b.elements, 100);
  EXPECT_EQ(a.busy + b.busy, Duration(1ms));
  EXPECT_EQ(a.blocks + b.blocks, stage.blocks);
  EXPECT_EQ(stage.busy, Duration(1ms));
  EXPECT_EQ(stage.total, 100);
  EXPECT_EQ(stage.in_flight, 0);
  EXPECT_EQ(driver.scheduler.tally(StageId{9}).total, 0);
}

}  // namespace
}  // namespace mpipe
