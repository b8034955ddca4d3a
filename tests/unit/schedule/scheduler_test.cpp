// SPDX-License-Identifier: BSD-3-Clause
// To whom the scheduler gives which blocks, and when it sends a second one, asks for a rest, or stops.
#include "schedule/api/scheduler.hpp"

#include <mpipe/core/error.hpp>

#include "unit/schedule/scheduler_driver.hpp"

#include <gtest/gtest.h>

#include <map>

namespace mpipe {
namespace {

using test::elements;
using test::Ids;
using test::receivers;
using test::SchedulerDriver;
using test::workers;
using namespace std::chrono_literals;

// Order

TEST(Scheduler, HasNothingToDoAtFirst) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.act();
  EXPECT_TRUE(driver.assigned.empty());
  EXPECT_TRUE(driver.scheduler.finished());
  EXPECT_FALSE(driver.scheduler.stuck());
}

TEST(Scheduler, GivesEveryWorkerOneElementFirst) {
  SchedulerDriver driver{{{}, workers(3)}};
  driver.ready(0, elements(1000));
  EXPECT_EQ(receivers(driver.assigned), (Ids{0, 1, 2}));
  for (const Assign& assign : driver.assigned) EXPECT_EQ(assign.block.range.size(), 1);
  EXPECT_EQ(driver.assigned[2].block.range, (IndexRange{2, 3}));
  EXPECT_EQ(driver.scheduler.blocks_in_flight(), 3);
}

TEST(Scheduler, SendsASecondBlockOnlyWhenEachWorkerMeasuredOne) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(1'000'000));
  const auto first = driver.assigned;
  driver.done(first[0].block, 10us);  // the shortest of the first ones says nothing about the others
  EXPECT_EQ(receivers(driver.assigned), (Ids{0}));
  driver.done(first[1].block, 1us);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1, 0, 1})) << "first block of the idle one, then second ones";
  const auto running = driver.assigned;
  driver.done(running[0].block, 10us);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1})) << "always two";
}

TEST(Scheduler, HandsOutFirstWhatBecomesReadyLater) {
  SchedulerDriver driver{{{.fixed_block = 2}, workers(1)}};
  driver.ready(0, elements(6));
  driver.scheduler.on_stage_ready({1}, {}, driver.now);
  driver.scheduler.on_elements_ready({1}, {{3, 5}});
  std::vector<std::pair<std::uint32_t, IndexRange>> order;
  for (Block last = driver.assigned.at(0).block; order.size() < 5; last = driver.assigned.at(0).block) {
    order.emplace_back(last.stage.value, last.range);
    if (order.size() == 2) driver.scheduler.on_elements_ready({1}, {{0, 3}});
    driver.done(last, 10ms);
  }
  EXPECT_EQ(order, (std::vector<std::pair<std::uint32_t, IndexRange>>{
                       {0, {0, 2}}, {1, {3, 5}}, {1, {0, 2}}, {1, {2, 3}}, {0, {2, 4}}}));
  EXPECT_EQ(driver.scheduler.tally(StageId{1}).total, 5);
}

TEST(Scheduler, SendsNoSecondBlockWhereBlocksAreLong) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(1000));
  const auto first = driver.assigned;
  driver.done(first[0].block, 6ms);
  driver.done(first[1].block, 6ms);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1}));
}

TEST(Scheduler, SendsNoSecondBlockBehindOneThatRunsForLong) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(1'000'000));
  const auto first = driver.assigned;
  driver.done(first[0].block, 3ms);
  const auto second = driver.assigned;
  driver.now += 3ms;
  driver.done(first[1].block, 3ms);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1, 1})) << "worker 0 has its block for 6 ms";
  driver.done(second[0].block, 7ms);
  EXPECT_EQ(receivers(driver.assigned), (Ids{0, 0})) << "and gets two again";
}

TEST(Scheduler, SendsNoSecondBlockToThoseThatWantNone) {
  auto traits = workers(2);
  traits[0].may_prefetch = false;
  SchedulerDriver driver{{{}, traits}};
  driver.ready(0, elements(1'000'000));
  driver.run(1us, 2);
  std::map<std::uint32_t, int> received;
  for (const Assign& assign : driver.assigned) ++received[assign.worker.value];
  EXPECT_EQ(received[0], 0);
  EXPECT_EQ(received[1], 2);
}

TEST(Scheduler, SendsNoSecondBlockOfTheLastElements) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(10));
  const auto first = driver.assigned;
  driver.done(first[0].block, 1ms);
  driver.done(first[1].block, 1ms);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1, 0, 1})) << "7 and 6 are left for 2 workers, then 5, then 4";
  driver.done(driver.assigned[0].block, 1ms);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1})) << "4 left";
  driver.done(driver.assigned[0].block, 1ms);
  EXPECT_TRUE(driver.assigned.empty()) << "3 left";
}

TEST(Scheduler, SendsSecondBlocksOfAStageThatEndsWhenAnotherFollows) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(0, elements(6));
  const auto first = driver.assigned;
  driver.ready(1, elements(100));
  driver.done(first[0].block, 1ms);
  driver.done(first[1].block, 1ms);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1, 0, 1}));
}

TEST(Scheduler, HandsOutStagesInTheOrderOfBecomingReady) {
  SchedulerDriver driver{{{}, workers(2)}};
  driver.ready(3, elements(4));
  auto waiting = driver.assigned;
  driver.ready(1, elements(3));
  EXPECT_TRUE(driver.assigned.empty());
  std::vector<std::uint32_t> stages;
  std::vector<StageId> done;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    stages.push_back(waiting[i].block.stage.value);
    driver.done(waiting[i].block, 10ms);
    waiting.insert(waiting.end(), driver.assigned.begin(), driver.assigned.end());
    done.insert(done.end(), driver.stages_done.begin(), driver.stages_done.end());
  }
  EXPECT_EQ(stages, (Ids{3, 3, 3, 3, 1, 1, 1}));
  EXPECT_EQ(done, (std::vector<StageId>{{3}, {1}}));
  EXPECT_TRUE(driver.scheduler.finished());
}

TEST(Scheduler, IsDoneAtOnceWithAStageWithoutElements) {
  SchedulerDriver driver{{{}, workers(1)}};
  driver.scheduler.on_stage_ready({0}, {}, driver.now);
  EXPECT_FALSE(driver.scheduler.finished()) << "the action waits";
  driver.act();
  EXPECT_EQ(driver.stages_done, (std::vector<StageId>{{0}}));
  EXPECT_TRUE(driver.scheduler.finished());
}

TEST(Scheduler, TakesMoreElementsOfAStage) {
  SchedulerDriver driver{{{}, workers(1)}};
  driver.ready(0, elements(2));
  EXPECT_THROW(driver.ready(0, {{1, 5}}), Bug) << "1 is in the pool";
  EXPECT_THROW(driver.ready(0, {{0, 1}}), Bug) << "0 is in flight";
  driver.ready(0, {{10, 12}});
  EXPECT_EQ(driver.run(1ms).size(), 4u);
  EXPECT_EQ(driver.stages_done, (std::vector<StageId>{{0}}));
  driver.ready(0, elements(2));  // they were lost
  EXPECT_EQ(driver.run(1ms).size(), 2u);
  EXPECT_EQ(driver.stages_done, (std::vector<StageId>{{0}})) << "once more";
  EXPECT_EQ(driver.scheduler.tally(StageId{0}).done, 6);
}

// Block sizes

TEST(Scheduler, NeverCrossesAGap) {
  SchedulerDriver driver{{{}, workers(1)}};
  const RangeSet todo{{0, 3}, {5, 6}, {100, 1000}};
  driver.ready(0, todo);
  RangeSet seen;
  for (const Block& block : driver.run(1us)) {
    EXPECT_TRUE(todo.contains(block.range));
    EXPECT_TRUE(seen.intersection(block.range).empty());
    seen.insert(block.range);
  }
  EXPECT_EQ(seen, todo);
}

TEST(Scheduler, KeepsToFixedSizes) {
  SchedulerDriver driver{{{.fixed_block = 10}, workers(2)}};
  driver.ready(0, elements(95));
  driver.ready(1, elements(20), 4);
  int last = 0;
  for (const Block& block : driver.run(20ms)) {
    if (block.range.end == 95)
      ++last;
    else
      EXPECT_EQ(block.range.size(), block.stage.value == 0 ? 10 : 4);
  }
  EXPECT_EQ(last, 1);
  EXPECT_TRUE(driver.scheduler.finished());
}

TEST(Scheduler, GrowsBlocksToTheTargetAndShrinksThemAtTheEnd) {
  SchedulerDriver driver{{{.target_block = 100us}, workers(2)}};
  driver.ready(0, elements(100'000));
  Index largest = 0, largest_done = 1, left = 100'000;
  for (const Block& block : driver.run(100ns)) {
    EXPECT_LE(block.range.size(), 8 * largest_done);
    EXPECT_LE(block.range.size(), std::max<Index>(1, left / 4));
    largest_done = std::max(largest_done, block.range.size());
    largest = std::max(largest, block.range.size());
    left -= block.range.size();
  }
  EXPECT_GE(largest, 999);
  EXPECT_LE(largest, 1000);
  EXPECT_LT(driver.scheduler.tally(StageId{0}).blocks, 200);
  EXPECT_EQ(driver.scheduler.tally(StageId{0}).element_time, Duration(100ns));
}

// A worker that has something else to do

std::vector<WorkerTraits> with_limited(std::size_t others) {
  auto traits = workers(others + 1);
  traits[0].max_block = 100us;
  return traits;
}

TEST(Scheduler, GivesALimitedWorkerNothingOfUnknownLength) {
  SchedulerDriver driver{{{}, with_limited(1)}};
  driver.ready(0, elements(1000));
  EXPECT_EQ(receivers(driver.assigned), (Ids{1}));
  driver.done(driver.assigned[0].block, 10us);
  EXPECT_EQ(receivers(driver.assigned), (Ids{1})) << "confident with 2 blocks";
  driver.done(driver.assigned[0].block, 10us);
  ASSERT_EQ(receivers(driver.assigned), (Ids{1, 0, 1}));
  EXPECT_LE(driver.assigned[1].block.range.size(), 50) << "4.5 us per element by now";
}

TEST(Scheduler, GivesALimitedWorkerOneShortBlockAtATime) {
  SchedulerDriver driver{{{.target_block = 1ms}, with_limited(1)}};
  driver.ready(0, elements(1'000'000));
  driver.run(1us, 1000);
  ASSERT_GT(driver.scheduler.tally(WorkerId{0}).blocks, 10);
  EXPECT_LE(driver.scheduler.tally(WorkerId{0}).elements, driver.scheduler.tally(WorkerId{0}).blocks * 100);
  EXPECT_GT(driver.scheduler.tally(WorkerId{1}).elements, driver.scheduler.tally(WorkerId{1}).blocks * 100);
}

TEST(Scheduler, GivesALimitedWorkerNothingLong) {
  SchedulerDriver driver{{{}, with_limited(2)}};
  driver.ready(0, elements(50));
  EXPECT_EQ(driver.run(101us).size(), 50u);
  EXPECT_EQ(driver.scheduler.tally(WorkerId{0}).blocks, 0);
  SchedulerDriver fixed{{{.fixed_block = 11}, with_limited(2)}};
  fixed.ready(0, elements(1000));
  fixed.run(10us);
  EXPECT_EQ(fixed.scheduler.tally(WorkerId{0}).blocks, 0) << "11 elements take 110 us";
}

TEST(Scheduler, GivesALimitedWorkerAnotherStageThatFits) {
  SchedulerDriver driver{{{}, with_limited(1)}};
  driver.ready(0, elements(100));
  driver.run(10us, 5);
  EXPECT_GT(driver.scheduler.tally(WorkerId{0}).blocks, 0);
  driver.run(1us);
  const Index blocks = driver.scheduler.tally(WorkerId{0}).blocks;
  driver.ready(1, elements(100));
  driver.run(10ms, 10);
  EXPECT_EQ(driver.scheduler.tally(WorkerId{0}).blocks, blocks);
  driver.ready(0, {{100, 200}});  // again, and known to be short, but stage 1 comes first
  ASSERT_EQ(receivers(driver.assigned), (Ids{0}));
  EXPECT_EQ(driver.assigned[0].block.stage, StageId{0});
}

TEST(Scheduler, IsStuckWhenOnlyALimitedWorkerIsLeft) {
  SchedulerDriver driver{{{}, with_limited(1)}};
  driver.ready(0, elements(100));
  EXPECT_FALSE(driver.scheduler.stuck());
  driver.scheduler.on_worker_lost({1}, driver.now);
  driver.act();
  EXPECT_TRUE(driver.assigned.empty());
  EXPECT_TRUE(driver.scheduler.stuck());
  EXPECT_FALSE(driver.scheduler.finished());
}

TEST(Scheduler, IsNotStuckWhileTheLimitedWorkerCanGoOn) {
  SchedulerDriver driver{{{}, with_limited(1)}};
  driver.ready(0, elements(1000));
  driver.run(1us, 5);
  driver.scheduler.on_worker_lost({1}, driver.now);
  EXPECT_FALSE(driver.scheduler.stuck());
  driver.act();
  driver.run(1us);
  EXPECT_FALSE(driver.scheduler.stuck());
}

}  // namespace
}  // namespace mpipe
