// SPDX-License-Identifier: BSD-3-Clause
#include "exec/api/pools.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"
#include "unit/exec/printing.hpp"

#include <vector>

namespace mpipe {
namespace {

using test::block_of;
using test::CountingHandler;
using test::ManualClock;
using namespace std::chrono_literals;

struct Inline {
  explicit Inline(Duration cost) : handler(clock, cost) {}

  // All events until the pool has nothing to do any more.
  std::vector<PoolEvent> events() {
    std::vector<PoolEvent> all;
    while (pool.computes_inline())
      if (auto event = pool.poll()) all.push_back(std::move(*event));
    EXPECT_FALSE(pool.poll().has_value());
    return all;
  }

  ManualClock clock;
  CountingHandler handler;
  InlinePool pool{handler, clock, {.rank = 0, .host = "here"}, 100us};
};

const BlockReport& report_of(const PoolEvent& event) { return std::get<BlockReport>(event.what); }
RetractedBlock retracted_of(const PoolEvent& event) { return std::get<RetractedBlock>(event.what); }

TEST(InlinePool, computes_blocks_in_the_order_they_were_started) {
  Inline one(1us);
  EXPECT_EQ(one.pool.worker_count(), 1U);
  EXPECT_FALSE(one.pool.computes_inline());
  EXPECT_FALSE(one.pool.poll().has_value());
  for (const BlockId id : {7, 5, 6})
    one.pool.start({0}, block_of(id, static_cast<Index>(id) * 100, static_cast<Index>(id) * 100 + 30));
  EXPECT_TRUE(one.pool.computes_inline());
  const auto events = one.events();
  ASSERT_EQ(events.size(), 3U);
  for (std::size_t k = 0; k < 3; ++k) {
    const BlockReport& report = report_of(events[k]);
    EXPECT_EQ(report.block.id, (std::vector<BlockId>{7, 5, 6})[k]);
    EXPECT_EQ(report.completed, 30);
    EXPECT_EQ(report.busy, 30us);
    EXPECT_EQ(events[k].worker, WorkerId{0});
  }
  EXPECT_EQ(one.handler.computed.size(), 90U);
}

TEST(InlinePool, looks_up_between_slices) {
  Inline one(60us);
  one.pool.start({0}, block_of(1, 0, 5));
  for (int poll = 1; poll < 5; ++poll) {
    const TimePoint before = one.clock.now();
    EXPECT_FALSE(one.pool.poll().has_value());
    EXPECT_LE(one.clock.now() - before, 100us);
    EXPECT_EQ(one.handler.computed.size(), static_cast<std::size_t>(poll));
    EXPECT_TRUE(one.pool.computes_inline());
  }
  EXPECT_TRUE(one.pool.poll().has_value());
}

TEST(InlinePool, gives_back_the_rest_of_a_running_block) {
  Inline one(60us);
  one.pool.start({0}, block_of(1, 0, 5));
  one.pool.poll();
  one.pool.poll();
  one.pool.retract({0}, 1);
  const auto events = one.events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(retracted_of(events[0]), (RetractedBlock{1, {2, 5}}));
  EXPECT_EQ(report_of(events[1]).block, block_of(1, 0, 2));
  EXPECT_EQ(report_of(events[1]).completed, 2);
  EXPECT_EQ(report_of(events[1]).busy, 120us);
  EXPECT_EQ(one.handler.computed.size(), 2U);
}

TEST(InlinePool, gives_back_a_queued_block) {
  Inline one(60us);
  one.pool.start({0}, block_of(1, 0, 2));
  one.pool.start({0}, block_of(2, 2, 4));
  one.pool.start({0}, block_of(3, 4, 6));
  one.pool.poll();
  one.pool.retract({0}, 2);
  const auto events = one.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(retracted_of(events[0]), (RetractedBlock{2, {2, 4}}));
  EXPECT_EQ(report_of(events[1]).block.id, 1U);
  EXPECT_EQ(report_of(events[2]).block.id, 3U);
}

TEST(InlinePool, has_no_answer_for_what_it_does_not_know) {
  Inline one(60us);
  one.pool.retract({0}, 1);
  EXPECT_FALSE(one.pool.computes_inline());
  one.pool.start({0}, block_of(1, 0, 2));
  EXPECT_EQ(one.events().size(), 1U);
  one.pool.retract({0}, 1);  // done already
  EXPECT_TRUE(one.events().empty());
}

TEST(InlinePool, gives_back_what_waits_behind_a_failure) {
  Inline one(60us);
  one.handler.fails_at = 1;
  one.pool.start({0}, block_of(1, 0, 5));
  one.pool.start({0}, block_of(2, 5, 7));
  const auto events = one.events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(report_of(events[0]).failure.has_value());
  EXPECT_EQ(report_of(events[0]).completed, 1);
  EXPECT_EQ(std::get<RetractedBlock>(events[1].what), (RetractedBlock{2, {5, 7}}));
  one.pool.start({0}, block_of(3, 7, 9));
  const auto later = one.events();
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(report_of(later[0]).completed, 2);
}

}  // namespace
}  // namespace mpipe
