// SPDX-License-Identifier: BSD-3-Clause
// Blocks that wait, and blocks that are computed in slices.
#include "exec/pools/sliced_block.hpp"

#include "exec/pools/block_queue.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"
#include "unit/exec/printing.hpp"

#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::block_of;
using test::CountingHandler;
using test::ManualClock;
using namespace std::chrono_literals;

constexpr Duration slice_time = 100us;

struct Slices {
  explicit Slices(Duration cost) : Slices([cost](StageId, Index) { return cost; }) {}
  explicit Slices(CountingHandler::Cost cost) : handler(clock, std::move(cost)) {}

  // Computes all of a block; returns the sizes of its slices.
  std::vector<Index> run(const Block& to_do) {
    handler.slices.clear();
    block.begin(to_do);
    while (!block.step()) EXPECT_TRUE(block.active());
    EXPECT_FALSE(block.active());
    std::vector<Index> sizes;
    Index next = to_do.range.begin;
    for (const Block& slice : handler.slices) {
      EXPECT_EQ(slice.id, to_do.id);
      EXPECT_EQ(slice.stage, to_do.stage);
      EXPECT_EQ(slice.range.begin, next);  // one behind the other
      next = slice.range.end;
      sizes.push_back(slice.range.size());
    }
    return sizes;
  }

  ManualClock clock;
  CountingHandler handler;
  SlicedBlock block{handler, clock, {.rank = 5, .host = "node5"}, slice_time};
};

TEST(BlockQueue, is_first_in_first_out) {
  BlockQueue queue;
  EXPECT_TRUE(queue.empty());
  for (const BlockId id : {5, 3, 4}) queue.push(block_of(id, 0, 10));
  EXPECT_EQ(queue.pop().id, 5U);
  queue.push(block_of(6, 0, 10));
  EXPECT_EQ(queue.pop().id, 3U);
  EXPECT_EQ(queue.pop().id, 4U);
  EXPECT_EQ(queue.pop().id, 6U);
  EXPECT_TRUE(queue.empty());
}

TEST(BlockQueue, gives_blocks_back) {
  BlockQueue queue;
  for (const BlockId id : {1, 2, 3})
    queue.push(block_of(id, static_cast<Index>(id) * 10, static_cast<Index>(id) * 10 + 5));
  EXPECT_EQ(queue.retract(2), (RetractedBlock{2, {20, 25}}));
  EXPECT_EQ(queue.retract(2), std::nullopt);
  EXPECT_EQ(queue.retract(9), std::nullopt);
  EXPECT_EQ(queue.pop().id, 1U);
  EXPECT_EQ(queue.pop().id, 3U);
}

TEST(BlockQueue, is_cleared) {
  BlockQueue queue;
  queue.push(block_of(1, 0, 1));
  queue.clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.retract(1), std::nullopt);
}

TEST(SlicedBlock, of_one_element_is_one_slice) {
  Slices slices(1h);
  EXPECT_EQ(slices.run(block_of(1, 7, 8)), std::vector<Index>{1});
  EXPECT_EQ(slices.block.report().completed, 1);
  EXPECT_EQ(slices.block.report().busy, 1h);
  EXPECT_EQ(slices.block.last_end(), slices.clock.now());
}

TEST(SlicedBlock, learns_how_many_elements_make_a_slice) {
  EXPECT_EQ(Slices(30us).run(block_of(1, 0, 10)), (std::vector<Index>{1, 3, 3, 3}));
  EXPECT_EQ(Slices(60us).run(block_of(1, 0, 3)), (std::vector<Index>{1, 1, 1}));
  EXPECT_EQ(Slices(1s).run(block_of(1, 0, 3)), (std::vector<Index>{1, 1, 1}));
}

TEST(SlicedBlock, slices_grow_step_by_step) {
  EXPECT_EQ(Slices(1ns).run(block_of(1, 0, 1000)), (std::vector<Index>{1, 8, 64, 512, 415}));
  // Elements that take no time at all are no reason to compute for ever.
  EXPECT_EQ(Slices(0ns).run(block_of(1, 0, 100)), (std::vector<Index>{1, 8, 64, 27}));
}

TEST(SlicedBlock, slices_shrink_when_elements_get_longer) {
  Slices slices([](StageId, Index element) { return Duration(element < 73 ? 1us : 50us); });
  EXPECT_EQ(slices.run(block_of(1, 0, 179)), (std::vector<Index>{1, 8, 64, 100, 2, 2, 2}));
}

TEST(SlicedBlock, remembers_for_the_next_block_of_the_stage) {
  Slices slices(1us);
  slices.run(block_of(1, 0, 500));
  EXPECT_EQ(slices.run(block_of(2, 500, 700)), (std::vector<Index>{100, 100}));
  EXPECT_EQ(slices.run(block_of(3, 0, 20, 1)),
            (std::vector<Index>{1, 8, 11}));  // another stage: from the beginning
}

TEST(SlicedBlock, reports_all_slices_together) {
  Slices slices(30us);
  slices.handler.late_shape = LateShape{{4}, {2, 3}};
  slices.run(block_of(8, 100, 110, 2));
  const BlockReport& report = slices.block.report();
  EXPECT_EQ(report.block, block_of(8, 100, 110, 2));
  EXPECT_EQ(report.completed, 10);
  EXPECT_EQ(report.busy, 300us);
  EXPECT_EQ(report.journal_bytes, 4U);                                     // of the last slice
  EXPECT_EQ(report.late_shapes, (std::vector<LateShape>{{{4}, {2, 3}}}));  // once, though every slice met it
  EXPECT_FALSE(report.failure.has_value());
}

TEST(SlicedBlock, ends_at_a_failure) {
  for (Index fails_at = 100; fails_at < 110; ++fails_at) {
    Slices slices(30us);
    slices.handler.fails_at = fails_at;
    slices.run(block_of(1, 100, 110));
    const BlockReport& report = slices.block.report();
    EXPECT_EQ(report.completed, fails_at - 100);
    ASSERT_TRUE(report.failure.has_value());
    EXPECT_EQ(report.failure->element, fails_at);
    EXPECT_EQ(report.block.range, (IndexRange{100, 110}));
    EXPECT_EQ(static_cast<Index>(slices.handler.computed.size()), fails_at - 100);  // and nothing behind it
  }
}

TEST(SlicedBlock, an_exception_is_the_failure_of_the_slice) {
  Slices slices(30us);
  slices.handler.throws_at = 105;  // in the slice [104, 107)
  slices.run(block_of(1, 100, 110));
  const BlockReport& report = slices.block.report();
  EXPECT_EQ(report.completed, 4);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->element, 104);
  EXPECT_EQ(report.failure->message, "thrown");
  EXPECT_EQ(report.failure->rank, 5);
  EXPECT_EQ(report.failure->host, "node5");
}

TEST(SlicedBlock, gives_back_what_has_not_begun) {
  Slices slices(30us);
  EXPECT_TRUE(slices.block.give_back().empty());  // nothing has begun at all
  slices.block.begin(block_of(1, 100, 110));
  EXPECT_TRUE(slices.block.active());
  EXPECT_EQ(slices.block.id(), 1U);
  EXPECT_FALSE(slices.block.step());
  EXPECT_FALSE(slices.block.step());
  EXPECT_EQ(slices.block.give_back(), (IndexRange{104, 110}));
  EXPECT_FALSE(slices.block.active());
  EXPECT_EQ(slices.block.report().block.range, (IndexRange{100, 104}));
  EXPECT_EQ(slices.block.report().completed, 4);
  EXPECT_TRUE(slices.block.give_back().empty());  // not twice
}

TEST(SlicedBlock, gives_all_back_before_the_first_slice) {
  Slices slices(30us);
  slices.block.begin(block_of(1, 100, 110));
  EXPECT_EQ(slices.block.give_back(), (IndexRange{100, 110}));
  EXPECT_EQ(slices.block.report().completed, 0);
}

TEST(SlicedBlock, does_not_cut_what_is_better_whole) {
  struct Whole : CountingHandler {
    using CountingHandler::CountingHandler;
    bool takes_whole(StageId) const override { return true; }
  };
  ManualClock clock;
  Whole handler(clock, Duration(1ms));
  SlicedBlock block(handler, clock, {}, slice_time);
  block.begin(block_of(1, 100, 110));
  EXPECT_TRUE(block.step());
  ASSERT_EQ(handler.slices.size(), 1U);
  EXPECT_EQ(handler.slices[0].range, (IndexRange{100, 110}));
}

TEST(SlicedBlock, keeps_together_what_is_cheaper_so_as_long_as_it_is_short) {
  struct Together : CountingHandler {
    using CountingHandler::CountingHandler;
    Index cheaper_together(StageId) const override { return 16; }
  };
  ManualClock clock;
  for (const auto& [each, expected] :
       {std::pair(Duration(100us), Index{16}), std::pair(Duration(2ms), Index{5})}) {
    Together handler(clock, each);
    SlicedBlock block(handler, clock, {}, slice_time);
    block.begin(block_of(1, 0, 1000));
    while (!block.step()) continue;
    Index longest = 0;
    for (const Block& slice : handler.slices) longest = std::max(longest, slice.range.size());
    EXPECT_EQ(longest, expected);
  }
}

TEST(SlicedBlock, is_free_of_the_block_before) {
  Slices slices(30us);
  slices.handler.fails_at = 2;
  slices.handler.late_shape = LateShape{{4}, {2}};
  slices.run(block_of(1, 0, 10));
  slices.handler.fails_at.reset();
  slices.handler.late_shape.reset();
  slices.run(block_of(2, 20, 30));
  EXPECT_FALSE(slices.block.report().failure.has_value());
  EXPECT_TRUE(slices.block.report().late_shapes.empty());
  EXPECT_EQ(slices.block.report().busy, 300us);
}

}  // namespace
}  // namespace mpipe
