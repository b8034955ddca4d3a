// SPDX-License-Identifier: BSD-3-Clause
// Tests of the warning about elements that take far longer than those before them.
#include "stall_watch.hpp"

#include <mpipe/core/clock.hpp>
#include <mpipe/data/value.hpp>
#include <mpipe/pipeline/pipeline.hpp>
#include <mpipe/plan/plan.hpp>

#include "exec/api/activity.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace mpipe::app {
namespace {

using std::chrono::seconds;

class StallWatchTest : public testing::Test {
 protected:
  StallWatchTest() {
    MachineInfo machine;
    machine.hosts = {"node7"};
    watch_.on_start(plan_, machine, {});
  }

  static Block block(BlockId id, Index begin, Index end) { return {id, StageId{0}, {begin, end}}; }
  TimePoint at(int second) const { return begin_ + seconds(second); }
  void one_took(int second) {
    watch_.on_block_assigned(first_, block(1, 0, 1), at(0));
    watch_.on_block_done(first_, block(1, 0, 1), 1, seconds(second), at(second));
  }

  Pipeline pipeline_{function("z", [](double x, double y) { return x * y; })
                         .parameters("x", "y")
                         .mapspec("x[i], y[j] -> z[i, j]")};
  Plan plan_{pipeline_, {{{"x", linspace(0, 1, 10)}, {"y", linspace(0, 1, 10)}}, {}, {}}};
  TimePoint begin_ = SteadyClock().now();
  std::vector<std::string> said_;
  StallWatch watch_{"", [this](const std::string& text) { said_.push_back(text); }};
  const BlockWorker own_{"mpi", 0, 0};
  const BlockWorker first_{"mpi", 1, 1};
  const BlockWorker second_{"mpi", 2, 2};
};

TEST_F(StallWatchTest, IsSilentAsLongAsBlocksEndInTime) {
  EXPECT_TRUE(watch_.look(at(10'000)).empty());
  for (int k = 0; k < 20; ++k) {
    watch_.on_block_assigned(first_, block(k, k, k + 1), at(50 * k));
    watch_.look(at(50 * k + 49));
    watch_.on_block_done(first_, block(k, k, k + 1), 1, seconds(49), at(50 * k + 49));
  }
  watch_.look(at(100'000));
  EXPECT_TRUE(said_.empty());
}

TEST_F(StallWatchTest, NamesAnElementOnceWhileOthersGoOn) {
  one_took(3);
  watch_.on_block_assigned(first_, block(2, 37, 38), at(3));
  watch_.on_block_assigned(first_, block(3, 38, 39), at(3));  // waits at the worker
  int now = 3;
  for (int k = 0; k < 10; ++k, now += 3) {
    watch_.on_block_assigned(second_, block(10 + k, 40 + k, 41 + k), at(now));
    EXPECT_TRUE(watch_.look(at(now)).empty()) << now;
    watch_.on_block_done(second_, block(10 + k, 40 + k, 41 + k), 1, seconds(3), at(now + 3));
  }
  const auto slow = watch_.look(at(34));
  ASSERT_EQ(slow.size(), 1u);
  EXPECT_EQ(slow[0], "z[3, 7] on rank 1 (node7) takes 31 s");
  EXPECT_EQ(watch_.look(at(100)).size(), 1u);
  ASSERT_EQ(said_.size(), 1u);
  for (const char* words : {"z[3, 7] on rank 1 (node7) takes 31", "took longer than 3", "--isolate z"})
    EXPECT_NE(said_[0].find(words), std::string::npos) << words << " is not in: " << said_[0];
  // The next one of that worker began when this one ended.
  watch_.on_block_done(first_, block(2, 37, 38), 1, seconds(98), at(101));
  EXPECT_TRUE(watch_.look(at(102)).empty());
}

TEST_F(StallWatchTest, GivesShortElementsTenSecondsAndUnknownOnesTenMinutes) {
  watch_.on_block_assigned(second_, block(5, 50, 51), at(0));
  EXPECT_TRUE(watch_.look(at(599)).empty());
  EXPECT_EQ(watch_.look(at(600)).size(), 1u);
  watch_.on_block_done(second_, block(5, 50, 51), 1, std::chrono::milliseconds(5), at(600));
  watch_.on_block_assigned(second_, block(6, 51, 53), at(600));
  EXPECT_TRUE(watch_.look(at(609)).empty());
  const auto slow = watch_.look(at(610));
  ASSERT_EQ(slow.size(), 1u);
  EXPECT_EQ(slow[0], "one of z[5, 1] to z[5, 2] on rank 2 (node7) takes 10 s");
}

TEST_F(StallWatchTest, ALongBlockIsNoSlowElement) {
  one_took(3);
  watch_.on_block_assigned(first_, block(2, 0, 100), at(3));
  EXPECT_TRUE(watch_.look(at(3 + 3 * 108)).empty());
  EXPECT_EQ(watch_.look(at(3 + 3 * 109)).size(), 1u);
}

TEST_F(StallWatchTest, KnowsTheElementOfItsOwnProcess) {
  one_took(1);
  watch_.on_block_assigned(own_, block(2, 0, 10), at(0));
  const Shape external{10, 10};
  ActivityNote note("z", external, {0, 10}, true);
  ASSERT_NE(note.at(), nullptr);
  *note.at() = 7;
  const auto slow = watch_.look(at(40));
  ASSERT_EQ(slow.size(), 1u);
  EXPECT_EQ(slow[0], "z[0, 7] on rank 0 (node7) takes 40 s");
}

}  // namespace
}  // namespace mpipe::app
