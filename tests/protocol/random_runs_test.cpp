// SPDX-License-Identifier: BSD-3-Clause
// Whole runs drawn from a seed: whatever the sizes of blocks, the number of workers, the times of the
// elements and the ways of the frames, each element is computed exactly once.
#include "protocol/farm.hpp"

#include <cmath>

namespace mpipe {
namespace {

using test::Farm;
using test::FarmOptions;
using test::Ledger;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  Index below(Index limit) { return std::uniform_int_distribution<Index>(0, limit - 1)(random_); }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  /// Any order of magnitude between the two.
  Duration between(Duration least, Duration most) {
    const double low = std::log(static_cast<double>(least.count()));
    const double high = std::log(static_cast<double>(most.count()));
    return Duration(static_cast<Duration::rep>(std::exp(std::uniform_real_distribution(low, high)(random_))));
  }
  RangeSet elements(Index most) {
    RangeSet set;
    for (Index begin = below(20); begin < most;) {
      const Index end = begin + 1 + below(most);
      set.insert({begin, std::min(end, most)});
      begin = end + 1 + below(30);
    }
    return set;
  }

 private:
  std::mt19937_64 random_;
};

using namespace std::chrono_literals;

SchedulerOptions draw_policy(Draw& draw) {
  SchedulerOptions options;
  if (draw.chance(0.3)) options.fixed_block = 1 + draw.below(draw.chance(0.5) ? 3 : 100);
  options.target_block = draw.between(1us, 10ms);
  options.growth = 2 + draw.below(20);
  options.prefetch_below = draw.between(10us, 100ms);
  options.split_after = draw.between(10us, 100ms);
  return options;
}

FarmOptions draw_farm(Draw& draw, std::uint64_t seed) {
  FarmOptions options;
  options.workers = 1 + static_cast<std::uint32_t>(draw.below(9));
  options.rank0_computes = draw.chance(0.3);
  options.longest_delay = draw.chance(0.5) ? 0 : static_cast<int>(draw.below(8));
  options.seed = seed;
  std::vector<Duration> base;
  for (int stage = 0; stage < 4; ++stage) base.push_back(draw.between(10ns, 20ms));
  const bool heavy_tail = draw.chance(0.5);
  options.cost = [base, heavy_tail](StageId stage, Index element) {
    const bool long_one = heavy_tail && (element * 2654435761) % 37 == 5;
    return base[stage.value] * (long_one ? 200 : 1);
  };
  return options;
}

// Stages that become ready at the beginning, or when the one before is done.
struct Stages final : Ledger {
  Stages(Scheduler& scheduler_of_run, Draw& draw) : scheduler(scheduler_of_run) {
    for (Index stage = 1 + draw.below(4); stage > 0; --stage) {
      todo.push_back(draw.chance(0.1) ? RangeSet() : draw.elements(1 + draw.below(400)));
      fixed.push_back(draw.chance(0.2) ? std::optional(1 + draw.below(50)) : std::nullopt);
      waits.push_back(todo.size() > 1 && draw.chance(0.5));
    }
    begin(0);
  }

  // Makes a stage ready, and those behind it that need not wait for it.
  void begin(std::size_t stage) {
    do {
      scheduler.on_stage_ready({static_cast<std::uint32_t>(stage)}, todo[stage], TimePoint(), fixed[stage]);
    } while (++stage < todo.size() && !waits[stage]);
  }

  void on_stage_done(StageId stage, TimePoint now) override {
    Ledger::on_stage_done(stage, now);
    if (stage.value + 1 < todo.size() && waits[stage.value + 1]) begin(stage.value + 1);
  }

  Scheduler& scheduler;
  std::vector<RangeSet> todo;
  std::vector<std::optional<Index>> fixed;
  std::vector<bool> waits;
};

TEST(RandomRuns, compute_each_element_exactly_once) {
  int given_back = 0;
  int given_back_part = 0;
  int at_rank0 = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(seed);
    Farm farm(draw_farm(draw, seed));
    Scheduler scheduler(draw_policy(draw), farm.traits());
    Stages stages(scheduler, draw);
    dispatch(scheduler, farm, farm.clock, stages, {});

    EXPECT_EQ(stages.stages_done.size(), stages.todo.size());
    for (std::uint32_t stage = 0; stage < stages.todo.size(); ++stage) {
      RangeSet computed;
      for (const auto& [element, count] : farm.computed(stage)) {
        EXPECT_EQ(count, 1) << "element " << element << " of stage " << stage;
        computed.insert({element, element + 1});
      }
      EXPECT_TRUE(computed == stages.todo[stage]) << "stage " << stage;
      EXPECT_TRUE(stages.done[stage] == stages.todo[stage]) << "stage " << stage;
      EXPECT_EQ(scheduler.tally(StageId{stage}).done, stages.todo[stage].count());
    }
    farm.shut_down();
    given_back += farm.given_back;
    given_back_part += farm.given_back_part;
    at_rank0 += farm.at_rank0.slices.empty() ? 0 : 1;
    if (HasFailure()) break;
  }
  // Otherwise these runs show less than they seem to.
  EXPECT_GT(given_back, 0);
  EXPECT_GT(given_back_part, 0);
  EXPECT_GT(at_rank0, 0);
}

// Elements that fail stop a run: what had begun ends, and everything that was computed is accounted for.
TEST(RandomRuns, account_for_everything_when_elements_fail) {
  int failures = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(seed);
    Farm farm(draw_farm(draw, seed));
    const Index bad_element = draw.below(300);
    const bool throws = draw.chance(0.3);
    for (auto& worker : farm.workers) {
      if (draw.chance(0.5)) worker.handler.fails_at = bad_element;
      if (throws) worker.handler.throws_at = bad_element;
    }
    Scheduler scheduler(draw_policy(draw), farm.traits());
    Ledger ledger;
    const RangeSet todo = draw.elements(300);
    scheduler.on_stage_ready({0}, todo, farm.clock.now());
    dispatch(scheduler, farm, farm.clock, ledger, {});

    const bool failed = !ledger.failed.empty();
    failures += failed ? 1 : 0;
    EXPECT_EQ(scheduler.stopped(), failed);
    EXPECT_EQ(ledger.stages_done.empty(), failed);
    EXPECT_EQ(scheduler.blocks_in_flight(), 0);
    RangeSet computed;
    for (const auto& [element, count] : farm.computed(0)) {
      EXPECT_EQ(count, 1) << "element " << element;
      computed.insert({element, element + 1});
    }
    // What throws says nothing of what it has computed before.
    EXPECT_TRUE(throws || computed == ledger.done[0]);
    EXPECT_TRUE(ledger.done[0].difference(computed).empty());
    EXPECT_TRUE(ledger.done[0].difference(todo).empty());
    farm.shut_down();
    if (HasFailure()) break;
  }
  EXPECT_GT(failures, 50);
}

// Notes what failed where the run goes on.
struct Losing final : Ledger {
  void on_block_done(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    Ledger::on_block_done(worker, block, report, now);
    Index described = 0;
    for (const FailedElements& of_function : report.failed) {
      const RangeSet& elements = of_function.elements;
      EXPECT_TRUE(elements.intersection(lost).empty()) << "lost twice";
      EXPECT_TRUE(elements.intersection(block.range) == elements);
      lost = lost.united(elements);
      described += elements.count();
    }
    EXPECT_EQ(static_cast<Index>(report.details.size()), described);
  }
  RangeSet lost;
};

// Elements that fail do not stop a run that goes on: every element is computed once, whatever is split and
// given back, and all failures arrive.
TEST(RandomRuns, go_on_after_elements_that_fail) {
  Index failures = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(seed);
    Farm farm(draw_farm(draw, seed));
    const Index every = 1 + draw.below(20);
    const auto loses = [every](Index element) { return element % every == 0; };
    for (auto& worker : farm.workers) worker.handler.loses = loses;
    farm.at_rank0.loses = loses;
    Scheduler scheduler(draw_policy(draw), farm.traits());
    Losing ledger;
    const RangeSet todo = draw.elements(300);
    scheduler.on_stage_ready({0}, todo, farm.clock.now());
    dispatch(scheduler, farm, farm.clock, ledger, {});

    EXPECT_FALSE(scheduler.stopped());
    EXPECT_EQ(ledger.stages_done.size(), 1U);
    EXPECT_TRUE(ledger.done[0] == todo);
    RangeSet expected;
    for (const IndexRange& range : todo.ranges())
      for (Index element = range.begin; element < range.end; ++element)
        if (loses(element)) expected.insert({element, element + 1});
    EXPECT_TRUE(ledger.lost == expected);
    for (const auto& [element, count] : farm.computed(0)) EXPECT_EQ(count, 1) << "element " << element;
    failures += expected.count();
    farm.shut_down();
    if (HasFailure()) break;
  }
  EXPECT_GT(failures, 1000);
}

// Drains when so many events have come.
struct Draining final : Ledger {
  Draining(Scheduler& scheduler_of_run, int after) : scheduler(scheduler_of_run), events_left(after) {}
  void on_turn(TimePoint now) override {
    if (events_left-- == 0) scheduler.on_drain(now);
  }
  Scheduler& scheduler;
  int events_left;
};

TEST(RandomRuns, drain_at_any_time) {
  int drained = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(seed);
    Farm farm(draw_farm(draw, seed));
    Scheduler scheduler(draw_policy(draw), farm.traits());
    Draining ledger(scheduler, static_cast<int>(draw.below(40)));
    const RangeSet todo = draw.elements(300);
    scheduler.on_stage_ready({0}, todo, farm.clock.now());
    dispatch(scheduler, farm, farm.clock, ledger, {});

    RangeSet computed;
    for (const auto& [element, count] : farm.computed(0)) {
      EXPECT_EQ(count, 1) << "element " << element;
      computed.insert({element, element + 1});
    }
    EXPECT_TRUE(computed == ledger.done[0]);
    EXPECT_TRUE(scheduler.unfinished({0}) == todo.difference(computed));
    EXPECT_EQ(ledger.stages_done.empty(), computed != todo);
    drained += computed == todo ? 0 : 1;
    farm.shut_down();
    if (HasFailure()) break;
  }
  EXPECT_GT(drained, 50);
}

// Commits while blocks are computed, and a barrier behind each wave.
struct Committing final : Ledger {
  Committing(Farm& farm_of_run, Draw& draw_of_run) : farm(farm_of_run), draw(draw_of_run) {}
  void on_turn(TimePoint) override {
    if (draw.chance(0.05)) farm.remote().send_commit(++commits);
  }
  Farm& farm;
  Draw& draw;
  std::uint32_t commits = 0;
};

TEST(RandomRuns, barriers_and_commits_come_in_order) {
  std::uint32_t commits = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draw draw(seed);
    FarmOptions options = draw_farm(draw, seed);
    options.rank0_computes = false;
    Farm farm(options);
    Scheduler scheduler(draw_policy(draw), farm.traits());
    Committing ledger(farm, draw);
    constexpr std::uint32_t waves = 3;
    for (std::uint32_t wave = 0; wave < waves; ++wave) {
      scheduler.on_stage_ready({wave}, draw.elements(100), farm.clock.now());
      dispatch(scheduler, farm, farm.clock, ledger, {});
      farm.remote().send_barrier(wave);
    }
    farm.shut_down();
    for (const Farm::Worker& worker : farm.workers) {
      ASSERT_EQ(worker.events.commits.size(), ledger.commits);
      for (std::uint32_t k = 0; k < ledger.commits; ++k) EXPECT_EQ(worker.events.commits[k].number, k + 1);
      ASSERT_EQ(worker.events.barriers.size(), waves);
      for (std::uint32_t wave = 0; wave < waves; ++wave) {
        EXPECT_EQ(worker.events.barriers[wave].number, wave);
        const auto border = static_cast<std::ptrdiff_t>(worker.events.barriers[wave].slices_before);
        const auto& slices = worker.handler.slices;
        for (auto slice = slices.begin(); slice != slices.end(); ++slice)
          EXPECT_EQ(slice - slices.begin() < border, slice->stage.value <= wave);
      }
    }
    commits += ledger.commits;
    if (HasFailure()) break;
  }
  EXPECT_GT(commits, 100U);
}

}  // namespace
}  // namespace mpipe
