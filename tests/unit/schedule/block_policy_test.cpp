// SPDX-License-Identifier: BSD-3-Clause
// How many elements a block gets: from durations seen so far, with the cost of a block apart from that of an element.
#include "schedule/api/block_policy.hpp"

#include <mpipe/core/error.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace mpipe {
namespace {

using namespace std::chrono_literals;

constexpr Index plenty = 1'000'000'000;

TEST(BlockPolicy, BeginsWithSingleElements) {
  const BlockPolicy policy;
  EXPECT_EQ(policy.size(plenty, 2), 1);
  EXPECT_FALSE(policy.element_time());
  EXPECT_FALSE(policy.expected(10));
  EXPECT_EQ(policy.fitting(1h), 0);
}

TEST(BlockPolicy, GrowsFromWhatWasMeasuredOnly) {
  BlockPolicy policy;
  policy.on_measured(1, 10ns);
  EXPECT_EQ(policy.size(plenty, 2), 8);
  policy.on_measured(1, 10ns);  // another small one says nothing about larger ones
  EXPECT_EQ(policy.size(plenty, 2), 8);
  policy.on_measured(8, 80ns);
  EXPECT_EQ(policy.size(plenty, 2), 64);
}

TEST(BlockPolicy, AimsAtTheTargetTime) {
  BlockPolicy policy({.target_block = 100us});
  for (Index size = 1; size <= 10'000; size *= 8) policy.on_measured(size, size * 50ns);
  EXPECT_EQ(policy.size(plenty, 2), 2000);
  EXPECT_EQ(policy.element_time(), Duration(50ns));
  EXPECT_EQ(policy.expected(2000), Duration(100us));
  EXPECT_EQ(policy.fitting(1us), 20);
}

TEST(BlockPolicy, GivesSingleElementsWhenTheyAreLong) {
  BlockPolicy policy({.target_block = 100us});
  Index blocks = 0;
  Index elements = 0;
  for (; blocks < 1000; ++blocks) {
    const Index size = policy.size(plenty, 2);
    ASSERT_LE(size, 2);  // now and then two, to see whether a block has a cost of its own
    policy.on_measured(size, size * 101us);
    elements += size;
  }
  EXPECT_LT(elements, blocks + 20);
}

TEST(BlockPolicy, LearnsWhatABlockCostsByItself) {
  for (const Duration element : {Duration(0), Duration(200), Duration(20us)}) {
    BlockPolicy policy({.target_block = 100us});
    Index left = 100'000;
    int blocks = 0;
    for (; left > 0; ++blocks) {
      const Index size = policy.size(left, 2);
      policy.on_measured(size, 1500us + size * element + blocks % 7 * 50us);
      left -= size;
    }
    EXPECT_LT(blocks, element == Duration(20us) ? 150 : 60);
    EXPECT_GE(policy.expected(1), Duration(1ms));
    EXPECT_EQ(policy.fitting(500us), 0);
  }
}

TEST(BlockPolicy, DoesNotTakeLongElementsForTheCostOfBlocks) {
  BlockPolicy policy({.target_block = 100us});
  Index longest = 0;
  for (int k = 0; k < 2000; ++k) {
    const Index size = policy.size(plenty, 4);
    longest = std::max(longest, size);
    Duration busy{};
    for (Index i = 0; i < size; ++i) busy += 5ms + (k * 7 + i * 3) % 10 * 1ms;  // 5 to 14 ms each
    policy.on_measured(size, busy);
  }
  EXPECT_LE(longest, 20);
  EXPECT_LE(policy.size(plenty, 4), 2);
  BlockPolicy minutes({.target_block = 100us});
  for (int k = 0; k < 200; ++k) {
    EXPECT_EQ(minutes.size(plenty, 4), 1);
    minutes.on_measured(1, 1min);
  }
}

TEST(BlockPolicy, LeavesEnoughForABalancedEnd) {
  BlockPolicy policy;
  for (int i = 0; i < 10; ++i) policy.on_measured(policy.size(plenty, 4), 1ns);
  EXPECT_EQ(policy.size(80, 4), 10);
  EXPECT_EQ(policy.size(15, 4), 1);
  EXPECT_EQ(policy.size(1, 4), 1);
}

TEST(BlockPolicy, FixedSizeOverridesAll) {
  BlockPolicy policy({.fixed_block = 50});
  EXPECT_EQ(policy.size(plenty, 4), 50);
  policy.on_measured(50, 1h);
  EXPECT_EQ(policy.size(60, 4), 50);
  EXPECT_EQ(policy.size(7, 4), 7);
}

TEST(BlockPolicy, FollowsElementsThatBecomeLonger) {
  BlockPolicy policy({.target_block = 100us});
  for (int i = 0; i < 100; ++i) policy.on_measured(1000, 10us);
  EXPECT_EQ(policy.size(plenty, 2), 8000);
  policy.on_measured(1000, 1s);  // a thousand elements of 1 ms
  EXPECT_EQ(policy.size(plenty, 2), 1);
}

TEST(BlockPolicy, FollowsElementsThatBecomeShorter) {
  BlockPolicy policy({.target_block = 100us});
  for (int i = 0; i < 100; ++i) policy.on_measured(1, 1ms);
  int blocks = 0;
  for (; policy.size(plenty, 2) < 1000 && blocks < 1000; ++blocks) {
    const Index size = policy.size(plenty, 2);
    policy.on_measured(size, size * 20ns);
  }
  EXPECT_LT(blocks, 100);
}

TEST(BlockPolicy, SurvivesClocksThatSeeNothing) {
  BlockPolicy policy;
  policy.on_measured(1, 0ns);
  policy.on_measured(1, -5ns);
  EXPECT_EQ(policy.size(plenty, 1), 8);
  EXPECT_EQ(policy.expected(plenty), Duration(0));
  EXPECT_GT(policy.fitting(1ns), plenty);
  for (Index i = 0; i < 100; ++i) policy.on_measured(std::int64_t{1} << 60, 0ns);
  EXPECT_EQ(policy.size(plenty, 1), plenty / 2);
  policy.on_measured(1, Duration::max());
  EXPECT_GE(policy.size(plenty, 1), 1);
}

TEST(BlockPolicy, TrustsItselfAfterOneBlockOfEachWorker) {
  BlockPolicy policy;
  EXPECT_FALSE(policy.is_confident(1));
  policy.on_measured(1, 1ns);
  EXPECT_TRUE(policy.is_confident(1));
  EXPECT_FALSE(policy.is_confident(2));
  for (int i = 0; i < 15; ++i) policy.on_measured(1, 1ns);
  EXPECT_TRUE(policy.is_confident(100'000));
}

TEST(BlockPolicy, RefusesOptionsOutOfRange) {
  EXPECT_THROW(BlockPolicy({.fixed_block = 0}), Bug);
  EXPECT_THROW(BlockPolicy({.growth = 1}), Bug);
}

}  // namespace
}  // namespace mpipe
