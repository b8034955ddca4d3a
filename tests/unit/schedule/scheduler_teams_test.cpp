// SPDX-License-Identifier: BSD-3-Clause
// Elements for teams: where they are placed, and who waits for whom.
#include "unit/schedule/scheduler_driver.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

using namespace test;

using Nodes = std::vector<std::uint32_t>;

struct TeamDriver {
  explicit TeamDriver(const Nodes& nodes) : scheduler({}, traits(nodes)) {}

  static std::vector<WorkerTraits> traits(const Nodes& nodes) {
    std::vector<WorkerTraits> all;
    for (const std::uint32_t node : nodes) all.push_back({.may_prefetch = false, .node = node});
    return all;
  }
  void teams(std::uint32_t stage, std::uint32_t ranks, Index count) {
    const std::vector<TeamElements> todo{{ranks, elements(count)}};
    scheduler.on_team_stage_ready({stage}, todo, now);
  }
  void others(std::uint32_t stage, Index count) { scheduler.on_stage_ready({stage}, elements(count), now, 1); }

  // Everything that is to be done now.
  void act() {
    started.clear();
    assigned.clear();
    while (const auto action = scheduler.next_action(now)) {
      if (const auto* team = std::get_if<AssignTeam>(&*action)) {
        Ids members;
        for (const WorkerId member : team->members) members.push_back(member.value);
        started.push_back(members);
        blocks.push_back(team->block);
      }
      if (const auto* assign = std::get_if<Assign>(&*action)) {
        assigned.push_back(assign->worker.value);
        blocks.push_back(assign->block);
      }
      if (std::holds_alternative<StageDone>(*action)) ++stages_done;
    }
  }
  void done(Block block, Duration busy = 1ms) {
    std::erase_if(blocks, [&](const Block& b) { return b.id == block.id; });
    scheduler.on_block_done(block.id, busy, now);
    act();
  }

  Scheduler scheduler;
  TimePoint now{};
  std::vector<Ids> started;  // by the last `act`
  Ids assigned;
  std::vector<Block> blocks;  // in flight, in the order in which they began
  int stages_done = 0;
};

TEST(SchedulerTeams, FillOneNodeEach) {
  TeamDriver driver({0, 1, 0, 1, 1});
  driver.teams(0, 2, 3);
  driver.act();
  EXPECT_EQ(driver.started, (std::vector<Ids>{{0, 2}, {1, 3}}));  // the node that is filled best comes first
  driver.done(driver.blocks.front());
  EXPECT_EQ(driver.started, (std::vector<Ids>{{0, 2}}));
}

TEST(SchedulerTeams, SpanNodesWhereNoneIsLargeEnough) {
  TeamDriver driver({0, 1, 1, 2});
  driver.teams(0, 3, 1);
  driver.act();
  EXPECT_EQ(driver.started, (std::vector<Ids>{{0, 1, 2}}));
}

TEST(SchedulerTeams, SpanNodesRatherThanWaitWithNothingElseToDo) {
  TeamDriver driver({0, 0, 1, 1});
  driver.others(0, 2);
  driver.act();
  ASSERT_EQ(driver.assigned, (Ids{0, 1}));
  driver.teams(1, 3, 1);
  driver.act();
  EXPECT_TRUE(driver.started.empty());
  driver.done(driver.blocks.front());
  EXPECT_EQ(driver.started, (std::vector<Ids>{{0, 2, 3}}));
}

TEST(SchedulerTeams, ATeamThatWaitsIsNotOvertaken) {
  TeamDriver driver({0, 0, 0});
  driver.others(0, 100);
  driver.act();
  ASSERT_EQ(driver.assigned.size(), 3U);
  driver.teams(1, 3, 1);
  for (int k = 0; k < 2; ++k) {  // nothing is known of how long the blocks take that run: nobody fills in
    driver.done(driver.blocks.front(), Duration(1h));
    EXPECT_TRUE(driver.assigned.empty()) << "a worker that is held got a block";
    EXPECT_TRUE(driver.started.empty());
  }
  driver.done(driver.blocks.front(), Duration(1h));
  EXPECT_EQ(driver.started, (std::vector<Ids>{{0, 1, 2}}));
}

TEST(SchedulerTeams, OthersGoOnOnWorkersThatAreNotHeld) {
  TeamDriver driver({0, 0, 1});
  driver.others(0, 100);
  driver.act();
  driver.teams(1, 2, 1);
  driver.act();
  const Block on_other_node = driver.blocks[2];
  driver.done(on_other_node, Duration(1h));
  EXPECT_EQ(driver.assigned, (Ids{2}));
}

TEST(SchedulerTeams, BlocksFillInThatAreOverBeforeTheTeamBegins) {
  TeamDriver driver({0, 0});
  driver.others(0, 20);  // of 10 ms
  driver.act();
  for (int k = 0; k < 20; ++k) {
    driver.now += 5ms;
    driver.done(driver.blocks.front(), 10ms);
  }
  ASSERT_TRUE(driver.blocks.empty());
  driver.scheduler.on_stage_ready({0}, {{20, 21}}, driver.now, 1);
  driver.act();
  ASSERT_EQ(driver.assigned, (Ids{0}));
  driver.others(1, 50);  // of 1 ms; as many as it takes to know that are done before the team comes
  for (driver.act(); driver.scheduler.tally(StageId{1}).done < 5;) driver.done(driver.blocks.back(), 1ms);
  driver.teams(2, 2, 1);
  driver.act();
  int filled = 0;
  for (driver.now += 1ms; driver.blocks.size() == 2 && filled < 50; driver.now += 1ms) {
    driver.done(driver.blocks.back(), 1ms);
    filled += static_cast<int>(driver.assigned.size());
  }
  EXPECT_GE(filled, 6);  // while worker 0 is at its 10 ms
  EXPECT_LE(filled, 10);
  driver.done(driver.blocks.front(), 10ms);
  EXPECT_EQ(driver.started, (std::vector<Ids>{{0, 1}}));
}

TEST(SchedulerTeams, OthersHaveATurnAfterManyTeams) {
  TeamDriver driver({0, 0});
  driver.teams(0, 2, 1000);
  driver.others(1, 10);
  driver.act();
  int teams = 0;
  while (driver.assigned.empty() && teams < 100) {
    teams += static_cast<int>(driver.started.size());
    driver.done(driver.blocks.front());
  }
  EXPECT_EQ(teams, 4);
  while (driver.stages_done < 2) driver.done(driver.blocks.front());
  EXPECT_TRUE(driver.scheduler.finished());
}

TEST(SchedulerTeams, ElementsOfOneRankAreForAnyWorker) {
  TeamDriver driver({0, 0, 0});
  const std::vector<TeamElements> todo{{1, {{0, 2}}}, {2, {{2, 3}}}};
  driver.scheduler.on_team_stage_ready({0}, todo, driver.now);
  driver.act();
  EXPECT_EQ(driver.started.size(), 1U);
  EXPECT_EQ(driver.assigned.size(), 1U);
  while (!driver.blocks.empty()) driver.done(driver.blocks.front());
  EXPECT_EQ(driver.stages_done, 1);
  EXPECT_TRUE(driver.scheduler.finished());
}

TEST(SchedulerTeams, AreLostAsAWhole) {
  TeamDriver driver({0, 0, 0, 0});
  driver.teams(0, 2, 1);
  driver.act();
  driver.scheduler.on_worker_lost({1}, driver.now);
  driver.act();
  EXPECT_EQ(driver.started, (std::vector<Ids>{{2, 3}}));  // 0 waits for 1 within the function
  driver.scheduler.on_worker_lost({2}, driver.now);
  driver.act();
  EXPECT_TRUE(driver.scheduler.stuck());
  EXPECT_EQ(driver.scheduler.unfinished({0}).count(), 1);
}

TEST(SchedulerTeams, AFailedElementStopsAndTheOthersEnd) {
  TeamDriver driver({0, 0, 1, 1});
  driver.teams(0, 2, 9);
  driver.act();
  ASSERT_EQ(driver.blocks.size(), 2U);
  driver.scheduler.on_block_failed(driver.blocks[0].id, driver.now);
  driver.act();
  EXPECT_TRUE(driver.started.empty());
  EXPECT_FALSE(driver.scheduler.finished());
  driver.done(driver.blocks[1]);
  EXPECT_TRUE(driver.scheduler.finished());
  EXPECT_EQ(driver.scheduler.unfinished({0}).count(), 8);
}

TEST(SchedulerTeams, EveryMemberIsBusyMeanwhile) {
  TeamDriver driver({0, 0});
  driver.teams(0, 2, 1);
  driver.act();
  driver.done(driver.blocks.front(), 7ms);
  EXPECT_EQ(driver.scheduler.tally(WorkerId{0}).busy, 7ms);
  EXPECT_EQ(driver.scheduler.tally(WorkerId{1}).busy, 7ms);
  EXPECT_EQ(driver.scheduler.tally(StageId{0}).busy, 7ms);
  EXPECT_EQ(driver.scheduler.tally(WorkerId{0}).elements + driver.scheduler.tally(WorkerId{1}).elements, 1);
}

}  // namespace
}  // namespace mpipe
