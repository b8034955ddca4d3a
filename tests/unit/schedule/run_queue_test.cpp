// SPDX-License-Identifier: BSD-3-Clause
#include "schedule/api/run_queue.hpp"

#include <mpipe/core/error.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace mpipe {
namespace {

using State = RunQueue::State;

std::vector<RunAction> actions_of(RunQueue& queue) {
  std::vector<RunAction> actions;
  while (const auto action = queue.next_action()) actions.push_back(*action);
  return actions;
}

void expect_begin(const RunAction& action, std::uint32_t run, std::uint32_t subgroup) {
  const auto* begin = std::get_if<BeginRun>(&action);
  ASSERT_NE(begin, nullptr);
  EXPECT_EQ(begin->run.value, run);
  EXPECT_EQ(begin->subgroup.value, subgroup);
}

void expect_offer(const RunAction& action, std::uint32_t run, std::uint32_t subgroup) {
  const auto* offer = std::get_if<OfferSubgroup>(&action);
  ASSERT_NE(offer, nullptr);
  EXPECT_EQ(offer->run.value, run);
  EXPECT_EQ(offer->subgroup.value, subgroup);
}

TEST(RunQueue, HandsOutRunsInOrderToSubgroupsThatAreIdle) {
  RunQueue queue(3, {2, 2});
  const auto first = actions_of(queue);
  ASSERT_EQ(first.size(), 2u);
  expect_begin(first[0], 0, 0);
  expect_begin(first[1], 1, 1);
  EXPECT_EQ(queue.state({2}), State::waiting);
  queue.on_over({1});
  const auto second = actions_of(queue);
  ASSERT_EQ(second.size(), 1u);
  expect_begin(second[0], 2, 1);
  EXPECT_FALSE(queue.finished());
}

TEST(RunQueue, OneSubgroupIsStrictlySequential) {
  RunQueue queue(3, {4});
  for (std::uint32_t run = 0; run < 3; ++run) {
    const auto actions = actions_of(queue);
    ASSERT_EQ(actions.size(), 1u);
    expect_begin(actions[0], run, 0);
    queue.on_over({run});
  }
  EXPECT_TRUE(actions_of(queue).empty());
  EXPECT_TRUE(queue.finished());
}

TEST(RunQueue, OffersIdleSubgroupsToTheRunWithTheFewestRanks) {
  RunQueue queue(4, {3, 1, 2, 2});
  ASSERT_EQ(actions_of(queue).size(), 4u);
  queue.on_over({3});
  auto actions = actions_of(queue);
  ASSERT_EQ(actions.size(), 1u);
  expect_offer(actions[0], 1, 3);
  queue.on_joined({1}, {3});
  EXPECT_EQ(queue.subgroups_of({1}), (std::vector<SubgroupId>{{1}, {3}}));
  queue.on_over({0});
  actions = actions_of(queue);
  ASSERT_EQ(actions.size(), 1u);
  expect_offer(actions[0], 2, 0);  // two ranks; the other one has three by now
}

TEST(RunQueue, ASubgroupThatWasDeclinedIsOfferedToOthersOnly) {
  RunQueue queue(3, {1, 1, 1});
  actions_of(queue);
  queue.on_over({2});
  auto actions = actions_of(queue);
  ASSERT_EQ(actions.size(), 1u);
  expect_offer(actions[0], 0, 2);
  queue.on_declined({0}, {2});
  actions = actions_of(queue);
  ASSERT_EQ(actions.size(), 1u);
  expect_offer(actions[0], 1, 2);
  queue.on_declined({1}, {2});
  EXPECT_TRUE(actions_of(queue).empty());
}

TEST(RunQueue, IsNotFinishedBeforeOffersAreAnswered) {
  RunQueue queue(2, {1, 1});
  actions_of(queue);
  queue.on_over({1});
  ASSERT_EQ(actions_of(queue).size(), 1u);
  queue.on_over({0});
  EXPECT_FALSE(queue.finished());
  queue.on_declined({0}, {1});
  EXPECT_TRUE(queue.finished());
}

TEST(RunQueue, WhatIsCancelledBeforeItBeginsNeverDoes) {
  RunQueue queue(3, {1});
  actions_of(queue);
  queue.cancel({1});
  EXPECT_EQ(queue.state({1}), State::over);
  EXPECT_TRUE(queue.dropped({1}));
  queue.on_over({0});
  const auto actions = actions_of(queue);
  ASSERT_EQ(actions.size(), 1u);
  expect_begin(actions[0], 2, 0);
}

TEST(RunQueue, TellsARunOnceThatItIsCancelled) {
  RunQueue queue(1, {1});
  actions_of(queue);
  queue.cancel({0});
  queue.cancel({0});
  const auto actions = actions_of(queue);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<CancelRun>(actions[0]).run.value, 0u);
  queue.on_over({0});
  queue.cancel({0});
  EXPECT_TRUE(actions_of(queue).empty());
  EXPECT_FALSE(queue.dropped({0}));
}

TEST(RunQueue, RefusesEventsThatCannotBe) {
  RunQueue queue(2, {1});
  EXPECT_THROW(queue.on_over({0}), Bug);
  EXPECT_THROW(queue.on_joined({0}, {0}), Bug);
  actions_of(queue);
  EXPECT_THROW(queue.on_declined({0}, {0}), Bug);
  EXPECT_THROW(queue.on_over({1}), Bug);
  EXPECT_THROW(RunQueue(1, {}), Bug);
}

/// Any order of ends, answers and cancellations: every run begins once or is dropped, a subgroup does one
/// thing at a time, and all comes to an end.
class RandomLaunch {
 public:
  RandomLaunch(std::uint32_t runs, std::vector<std::uint32_t> sizes, unsigned seed)
      : queue_(runs, sizes), runs_(runs), duty_(sizes.size(), -1), random_(seed) {}

  void play() {
    act();
    for (int step = 0; !queue_.finished(); ++step) {
      ASSERT_LT(step, 10'000) << "no end";
      one_event();
      act();
    }
    for (std::uint32_t run = 0; run < runs_; ++run)
      EXPECT_EQ(begun_.count(run), queue_.dropped({run}) ? 0u : 1u) << run;
    EXPECT_TRUE(std::all_of(duty_.begin(), duty_.end(), [](int duty) { return duty == -1; }));
  }
  int joined() const { return joined_; }

 private:
  void act() {
    while (const auto action = queue_.next_action()) {
      if (const auto* begin = std::get_if<BeginRun>(&*action)) {
        EXPECT_TRUE(begun_.insert(begin->run.value).second);
        occupy(begin->subgroup, static_cast<int>(begin->run.value));
      } else if (const auto* offer = std::get_if<OfferSubgroup>(&*action)) {
        EXPECT_EQ(queue_.state(offer->run), State::running);
        for (std::uint32_t run = 0; run < runs_; ++run) EXPECT_NE(queue_.state({run}), State::waiting);
        occupy(offer->subgroup, static_cast<int>(offer->run.value));
        offers_.push_back(*offer);
      }
    }
  }

  void occupy(SubgroupId subgroup, int run) {
    EXPECT_EQ(duty_[subgroup.value], -1);
    duty_[subgroup.value] = run;
  }

  void one_event() {
    const auto pick = [&](std::size_t n) {
      return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
    };
    const std::size_t what = pick(8);
    if (what == 0) return queue_.cancel({static_cast<std::uint32_t>(pick(runs_))});
    if (what < 5 && !offers_.empty()) {
      const std::size_t k = pick(offers_.size());
      const OfferSubgroup offer = offers_[k];
      offers_.erase(offers_.begin() + static_cast<long>(k));
      if (pick(2) == 0 && queue_.state(offer.run) == State::running) {
        ++joined_;
        return queue_.on_joined(offer.run, offer.subgroup);
      }
      duty_[offer.subgroup.value] = -1;
      return queue_.on_declined(offer.run, offer.subgroup);
    }
    std::vector<MapId> running;
    for (std::uint32_t run = 0; run < runs_; ++run)
      if (queue_.state({run}) == State::running) running.push_back({run});
    if (running.empty()) return;
    const MapId run = running[pick(running.size())];
    for (const SubgroupId subgroup : queue_.subgroups_of(run)) duty_[subgroup.value] = -1;
    queue_.on_over(run);
  }

  RunQueue queue_;
  std::uint32_t runs_;
  std::set<std::uint32_t> begun_;
  std::vector<int> duty_;  ///< by subgroup: the run that it serves, or is on offer to
  std::vector<OfferSubgroup> offers_;
  int joined_ = 0;
  std::mt19937 random_;
};

TEST(RunQueue, AnyOrderOfEventsComesToAnEnd) {
  int joined = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const std::uint32_t runs = 1 + random() % 7;
    std::vector<std::uint32_t> sizes(1 + random() % 4);
    for (std::uint32_t& size : sizes) size = 1 + random() % 3;
    SCOPED_TRACE(seed);
    RandomLaunch launch(runs, sizes, seed);
    launch.play();
    joined += launch.joined();
    if (HasFailure()) return;
  }
  EXPECT_GT(joined, 100);
}

}  // namespace
}  // namespace mpipe
