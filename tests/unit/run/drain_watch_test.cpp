// SPDX-License-Identifier: BSD-3-Clause
// When a run stops to hand out work: what it learns of durations, and what a day of many workers loses by it.
#include "run/drain_watch.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <queue>
#include <random>
#include <vector>

namespace mpipe::test {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kBegin = TimePoint{} + 1000h;

TEST(DurationQuantile, IsRightToOneBucketOnTheSafeSide) {
  DurationQuantile durations;
  EXPECT_EQ(durations.above_all_but(0.05), 0ns);
  for (int k = 1; k <= 1000; ++k) durations.add(k * 1ms, 1);
  EXPECT_GE(durations.above_all_but(0.05), 950ms);
  EXPECT_LE(durations.above_all_but(0.05), 950ms * 1.19);
  EXPECT_GE(durations.above_all_but(0), 1000ms);
}

TEST(DrainWatch, IsNeverDueWithoutADeadline) {
  DrainWatch watch(std::nullopt);
  watch.on_block(0, 10, 1000h);
  EXPECT_FALSE(watch.is_due(kBegin + 100000h));
}

TEST(DrainWatch, LeavesTimeForElementsAndForStoring) {
  DrainWatch watch(kBegin + 100s);
  EXPECT_FALSE(watch.is_due(kBegin + 99s));
  EXPECT_TRUE(watch.is_due(kBegin + 100s - 400ms)) << "some time is needed to store, whatever is known";
  watch.on_block(7, 4, 40s);
  EXPECT_FALSE(watch.is_due(kBegin + 85s));
  EXPECT_TRUE(watch.is_due(kBegin + 90s)) << "an element takes 10 s";
  watch.on_commit(20s);
  EXPECT_TRUE(watch.is_due(kBegin + 50s)) << "the last commit may take twice as long as the longest so far";
  watch.on_wave();
  EXPECT_FALSE(watch.is_due(kBegin + 59s)) << "the elements of the next wave are others";
}

/// A day of 4096 workers whose elements take 5 minutes in the mean, lognormal with sigma 1: the share of it in which
/// workers wait for the end, or compute what is lost and has to be computed again.
TEST(DrainWatch, LosesLessThanTwoPercentOfADay) {
  constexpr std::size_t kWorkers = 4096;
  const TimePoint deadline = kBegin + 24h;
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> seconds_of(std::log(300) - 0.5, 1);
  const auto draw = [&] {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds_of(random)));
  };
  struct Element {
    TimePoint end;
    Duration took;
    bool operator>(const Element& other) const { return end > other.end; }
  };
  std::priority_queue<Element, std::vector<Element>, std::greater<>> running;
  for (std::size_t k = 0; k < kWorkers; ++k) {
    const Duration took = draw();
    running.push({kBegin + took, took});
  }
  DrainWatch watch(deadline);
  Duration lost{};
  bool due = false;
  TimePoint looked = kBegin;
  while (!running.empty()) {
    const Element element = running.top();
    running.pop();
    if (element.end > deadline) {
      lost += std::min(element.took, deadline - (element.end - element.took));
      continue;
    }
    watch.on_block(0, 1, element.took);
    if (!due && element.end - looked > 100ms) due = watch.is_due(looked = element.end);
    if (due) {
      lost += deadline - element.end;
      continue;
    }
    const Duration took = draw();
    running.push({element.end + took, took});
  }
  EXPECT_TRUE(due);
  EXPECT_LT(seconds(lost) / (kWorkers * seconds(24h)), 0.02);
}

}  // namespace
}  // namespace mpipe::test
