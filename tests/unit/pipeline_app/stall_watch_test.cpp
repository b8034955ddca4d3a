// SPDX-License-Identifier: BSD-3-Clause
// Tests of the warning about elements that take far longer than all before them.
#include "stall_watch.hpp"

#include <mpipe/core/clock.hpp>
#include <mpipe/data/value.hpp>
#include <mpipe/pipeline/pipeline.hpp>
#include <mpipe/plan/plan.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace mpipe::app {
namespace {

using std::chrono::seconds;

class StallWatchTest : public testing::Test {
 protected:
  StallWatchTest() { watch_.on_start(plan_, {}, {}); }

  static Block block(BlockId id, Index begin, Index end) { return {id, StageId{0}, {begin, end}}; }
  TimePoint at(int second) const { return begin_ + seconds(second); }

  Pipeline pipeline_{function("z", [](double x, double y) { return x * y; })
                         .parameters("x", "y")
                         .mapspec("x[i], y[j] -> z[i, j]")};
  Plan plan_{pipeline_, {{{"x", linspace(0, 1, 10)}, {"y", linspace(0, 1, 10)}}, {}, {}}};
  TimePoint begin_ = SteadyClock().now();
  std::vector<std::string> said_;
  StallWatch watch_{"", [this](const std::string& text) { said_.push_back(text); }};
  const BlockWorker first_{"mpi", 0, 1};
  const BlockWorker second_{"mpi", 1, 2};
};

TEST_F(StallWatchTest, IsSilentAsLongAsBlocksEndInTime) {
  watch_.on_tick(at(10'000));
  for (int k = 0; k < 20; ++k) {
    watch_.on_block_assigned(first_, block(k, k, k + 1), at(50 * k));
    watch_.on_tick(at(50 * k + 49));
    watch_.on_block_done(first_, block(k, k, k + 1), 1, seconds(49), at(50 * k + 49));
  }
  watch_.on_tick(at(100'000));
  EXPECT_TRUE(said_.empty());
}

TEST_F(StallWatchTest, NamesTheElementThatEachWorkerIsAt) {
  watch_.on_block_assigned(first_, block(1, 0, 1), at(0));
  watch_.on_block_done(first_, block(1, 0, 1), 1, seconds(30), at(30));
  watch_.on_block_assigned(first_, block(2, 37, 40), at(30));
  watch_.on_block_assigned(second_, block(3, 40, 41), at(31));
  watch_.on_block_assigned(second_, block(4, 41, 42), at(31));  // waits at the worker
  watch_.on_tick(at(329));
  EXPECT_TRUE(said_.empty());
  watch_.on_tick(at(331));
  ASSERT_EQ(said_.size(), 1u);
  for (const char* words : {"rank 1 has 'z' at [3, 7] and 2 more elements", "rank 2 has 'z' at [4, 0] since",
                            "none took longer than 30", "--isolate z"})
    EXPECT_NE(said_[0].find(words), std::string::npos) << words << " is not in: " << said_[0];
  EXPECT_EQ(said_[0].find("[4, 1]"), std::string::npos) << said_[0];
}

TEST_F(StallWatchTest, SpeaksAgainWhenTheWaitHasDoubled) {
  watch_.on_block_assigned(first_, block(1, 0, 1), at(0));
  for (int second = 0; second < 2500; second += 10) watch_.on_tick(at(second));
  EXPECT_EQ(said_.size(), 3u);  // after 600, 1200 and 2400 seconds
  watch_.on_block_done(first_, block(1, 0, 1), 1, seconds(2500), at(2500));
  watch_.on_block_assigned(first_, block(2, 1, 2), at(2500));
  watch_.on_tick(at(20'000));
  EXPECT_EQ(said_.size(), 3u);
  watch_.on_tick(at(27'501));
  EXPECT_EQ(said_.size(), 4u);
}

}  // namespace
}  // namespace mpipe::app
