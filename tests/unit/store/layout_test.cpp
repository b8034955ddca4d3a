// SPDX-License-Identifier: BSD-3-Clause
// Pure parts: orders of values, chunks, names of dimensions, writers, plans of commits, text.
#include <mpipe/core/error.hpp>

#include "store/commit/commit_plan.hpp"
#include "store/commit/file_clients.hpp"
#include "store/commit/writers.hpp"
#include "store/h5/data_map.hpp"
#include "store/h5/dimension_names.hpp"
#include "store/h5/text_values.hpp"
#include "store/output/chunking.hpp"
#include "unit/store/store_fixture.hpp"

#include <random>

namespace mpipe::test {
namespace {

/// All shapes of up to three axes of up to three, each axis external or not.
template <class Visit>
void for_each_order(const Visit& visit) {
  for (std::size_t rank = 0; rank <= 3; ++rank)
    for (Index code = 0; code < (rank == 0 ? 1 : rank == 1 ? 4 : rank == 2 ? 16 : 64); ++code)
      for (unsigned mask = 0; mask < 1u << rank; ++mask) {
        Shape shape(rank);
        std::vector<bool> external(rank);
        for (std::size_t axis = 0; axis < rank; ++axis) {
          shape[axis] = code >> (2 * axis) & 3;
          external[axis] = (mask >> axis & 1) != 0;
        }
        visit(shape, external);
      }
}

TEST(ElementOrder, NumbersAreThoseOfTheDefinition) {
  for_each_order([](const Shape& shape, const std::vector<bool>& external) {
    const ElementOrder order(shape, external);
    ASSERT_EQ(order.values(), element_count(shape));
    bool same = true;
    for (Index place = 0; place < order.values(); ++place) {
      const MultiIndex at = multi_index(place, shape);
      MultiIndex element, item;
      for (std::size_t axis = 0; axis < at.size(); ++axis)
        (external[axis] ? element : item).push_back(at[axis]);
      const Index number = linear_index(element, order.outer()) * order.values_per_element() +
                           linear_index(item, order.inner());
      ASSERT_EQ(order.number_at(place), number) << to_string(shape);
      same = same && number == place;
    }
    if (order.in_file_order()) {
      EXPECT_TRUE(same) << to_string(shape);
    }
  });
}

TEST(ElementOrder, BoxesHoldEachValueOnce) {
  for_each_order([](const Shape& shape, const std::vector<bool>& external) {
    const ElementOrder order(shape, external);
    for (Index begin = 0; begin <= order.values(); ++begin)
      for (Index end = begin; end <= order.values(); ++end) {
        Index next = begin;
        order.for_each_box({begin, end}, [&](const OrderedBox& box) {
          ASSERT_EQ(box.first, next);
          ASSERT_EQ(box.count, element_count(box.extent));
          for (Index k = 0; k < box.count; ++k) {
            MultiIndex at = box.begin;
            const MultiIndex within = multi_index(k, box.extent);
            for (std::size_t axis = 0; axis < at.size(); ++axis) at[axis] += within[axis];
            const Index number = order.number_at(linear_index(at, shape));
            ASSERT_TRUE(box.first <= number && number < box.first + box.count);
          }
          next += box.count;
        });
        ASSERT_EQ(next, end);
        Index last = begin;
        for (const IndexRange& part : order.cut({begin, end}, 2)) {
          ASSERT_EQ(part.begin, last);
          ASSERT_LE(part.size(), 2);
          last = part.end;
        }
        ASSERT_EQ(last, end);
      }
  });
}

TEST(DataMap, RunsCoverEachValueOnceInContiguousAndChunkedDatasets) {
  for_each_order([](const Shape& shape, const std::vector<bool>& external) {
    const ElementOrder order(shape, external);
    if (order.values() == 0) return;
    for (const bool chunked : {false, true}) {
      if (chunked && shape.empty()) continue;
      DataMap map{8, shape, shape, {{0, 1000}}};
      if (chunked) {
        for (Index& extent : map.chunk) extent = std::min<Index>(extent, 2);
        map.chunks.clear();
        for (Index k = 0; k < element_count(map.grid()); ++k)
          map.chunks.push_back({k, 1000 + static_cast<std::uint64_t>(k) * map.chunk_bytes()});
      }
      std::vector<int> seen(static_cast<std::size_t>(order.values()));
      std::set<std::uint64_t> addresses;
      for_each_span(map, order, {0, order.values()}, [&](const FileSpan& run) {
        for (Index k = 0; k < run.count; ++k) {
          ++seen[static_cast<std::size_t>(run.memory + k * run.stride)];
          addresses.insert(run.address + static_cast<std::uint64_t>(k) * 8);
        }
      });
      EXPECT_EQ(seen, std::vector<int>(seen.size(), 1)) << to_string(shape);
      EXPECT_EQ(addresses.size(), seen.size());
      EXPECT_EQ(allocated_values(map, order, {0, order.values()}), (RangeSet{{0, order.values()}}));
    }
  });
}

TEST(Chunking, SelectedElementsHaveChunksAndOthersFew) {
  std::mt19937 random(1);
  for (int turn = 0; turn < 50; ++turn) {
    const Shape shape{static_cast<Index>(random() % 3000 + 500), static_cast<Index>(random() % 3000 + 500)};
    const ElementOrder order(shape, {true, true});
    RangeSet selected;
    for (int k = 0; k < 5; ++k) {
      const auto begin = static_cast<Index>(random()) % order.elements();
      selected.insert({begin, std::min(order.elements(), begin + static_cast<Index>(random() % 20'000 + 1))});
    }
    const std::optional<Shape> chunk = choose_chunk(order, 8, selected);
    if (!chunk) continue;
    const auto chunks = chunks_of(order, *chunk, selected, 1u << 20);
    ASSERT_TRUE(chunks);
    EXPECT_LE(static_cast<Index>(chunks->size()) * element_count(*chunk), order.values() / 2);
    Shape grid{(shape[0] - 1) / (*chunk)[0] + 1, (shape[1] - 1) / (*chunk)[1] + 1};
    for (const IndexRange& range : selected.ranges())
      for (Index element = range.begin; element < range.end; element += 97) {
        const MultiIndex at = multi_index(element, shape);
        ASSERT_TRUE(std::binary_search(chunks->begin(), chunks->end(),
                                       linear_index({at[0] / (*chunk)[0], at[1] / (*chunk)[1]}, grid)));
      }
  }
  const ElementOrder large({1000, 100'000}, {true, true});
  EXPECT_TRUE(choose_chunk(large, 8, RangeSet{{5'000'000, 5'001'000}}));
  EXPECT_FALSE(choose_chunk(large, 8, RangeSet{{0, 90'000'000}}));
  EXPECT_FALSE(choose_chunk(ElementOrder({100}, {true}), 8, RangeSet{{5, 6}}));
  EXPECT_FALSE(choose_chunk(ElementOrder({0, 5}, {true, true}), 8, RangeSet{}));
}

TEST(DimensionNames, NoTwoThingsHaveTheSameName) {
  DimensionNames names({"alpha", "i_dim"});
  EXPECT_EQ(names.dimension("i", 3).name, "i");
  EXPECT_EQ(names.dimension("i", 3).name, "i");
  EXPECT_EQ(names.dimension("i", 4).name, "i_2");
  EXPECT_EQ(names.dimension("i", 5).name, "i_3");
  EXPECT_EQ(names.dimension("alpha", 7).name, "alpha_dim");
  EXPECT_EQ(names.dimension("alpha", 8).name, "alpha_dim_2");
  EXPECT_EQ(names.dimension("i_dim", 9).name, "i_dim_dim");
  EXPECT_EQ(names.dimension("i_2", 9).name, "i_2_2");
  EXPECT_EQ(names.all().size(), 7u);
}

TEST(DimensionNames, AnInputMayBeTheCoordinateOfItsAxis) {
  DimensionNames names({"t", "t__status"});
  EXPECT_EQ(names.add_coordinate("t", "t", 3).name, "t");
  EXPECT_EQ(names.dimension("t", 3).name, "t");
  EXPECT_EQ(names.dimension("t", 4).name, "t_dim");
}

TEST(Writers, AFewPerNodeServeAll) {
  for (std::size_t size = 1; size < 20; ++size)
    for (std::size_t count = 1; count < 6; ++count) {
      const std::vector<std::size_t> writers = writers_of_node(size, count);
      EXPECT_EQ(writers.size(), std::min(size, count));
      EXPECT_TRUE(std::is_sorted(writers.begin(), writers.end()));
      EXPECT_EQ(writers.front(), 0u);
      std::set<std::size_t> serving;
      for (std::size_t rank = 0; rank < size; ++rank)
        serving.insert(serving_writer(rank, size, writers.size()));
      EXPECT_EQ(serving.size(), writers.size());
    }
}

TEST(Writers, AreOfOneClientWhereClientsDoNotCohere) {
  const FolderView a{"a", false}, b{"b", false};
  EXPECT_EQ(ranks_that_share_files(std::vector{a, b, a}), (std::vector{0, 2}));
  EXPECT_EQ(ranks_that_share_files(std::vector{b, b, a}), (std::vector{0, 1}));
  EXPECT_EQ(ranks_that_share_files(std::vector{a, a}), (std::vector{0, 1}));
  // One rank that sees no coherent file system is enough; where all do, all write.
  EXPECT_EQ(ranks_that_share_files(std::vector<FolderView>{{"a", true}, {"b", false}}), (std::vector{0}));
  EXPECT_EQ(ranks_that_share_files(std::vector<FolderView>{{"a", true}, {"b", true}}), (std::vector{0, 1}));
  EXPECT_TRUE(is_coherent(0xEF53));       // ext4
  EXPECT_FALSE(is_coherent(0x6969));      // NFS
  EXPECT_FALSE(is_coherent(0x65735546));  // FUSE
}

TEST(CommitPlan, EachValueIsMovedOnceAndByOneWriter) {
  std::mt19937 random(2);
  for (int turn = 0; turn < 100; ++turn) {
    const std::size_t ranks = random() % 5 + 1, writers = random() % ranks + 1;
    const ElementOrder order({400, 300}, {true, true});
    std::vector<CommitDelta> by_rank(ranks, CommitDelta(1));
    RangeSet all;
    for (Index begin = 0; begin < 120'000;) {
      const auto length = static_cast<Index>(random() % (turn % 2 == 0 ? 50 : 9000) + 1);
      const IndexRange range{begin, std::min<Index>(120'000, begin + length)};
      begin += length;
      if (random() % 3 == 0) continue;
      by_rank[random() % ranks][0].to_move.insert(range);
      all.insert(range);
    }
    by_rank[0][0].failed.insert({0, 120'000});
    const CommitPlan made = plan_commit(by_rank, {{}}, {{true, true, 8, &order}}, writers, 200'000);
    const CommitPlan plan = unpack_plan(pack_plan(made));
    EXPECT_EQ(plan.windows, made.windows);
    EXPECT_EQ(plan.total[0].to_move, all);
    EXPECT_EQ(plan.total[0].failed, (RangeSet{{0, 120'000}}).difference(all));
    EXPECT_TRUE(plan.duplicates.empty());
    RangeSet moved;
    std::set<std::pair<std::uint32_t, std::uint32_t>> turns;
    for (const Window& window : plan.windows) {
      EXPECT_LE(window.values.size() * 8, 200'000);
      EXPECT_LT(window.writer, writers);
      EXPECT_LT(window.round, plan.rounds);
      EXPECT_EQ(window.slab == 1, window.round < plan.slab_rounds);
      EXPECT_TRUE(turns.emplace(window.round, window.writer).second) << "two windows of a writer in a round";
      EXPECT_TRUE(moved.intersection(window.values).empty());
      if (window.slab == 1) {
        EXPECT_TRUE(all.contains(window.values));
      }
      moved.insert(window.values);
    }
    EXPECT_TRUE(all.difference(moved).empty());
  }
}

TEST(CommitPlan, WhatSeveralRanksHaveIsMovedFromTheFirst) {
  const ElementOrder order({100}, {true});
  std::vector<CommitDelta> by_rank(3, CommitDelta(1));
  by_rank[0][0].to_move = {{0, 10}};
  by_rank[1][0].to_move = {{5, 20}};
  by_rank[2][0].to_move = {{0, 30}};
  const CommitPlan plan =
      unpack_plan(pack_plan(plan_commit(by_rank, {{}}, {{true, true, 8, &order}}, 1, 1000)));
  ASSERT_EQ(plan.duplicates.size(), 2u);
  EXPECT_EQ(plan.duplicates[0].rank, 1u);
  EXPECT_EQ(plan.duplicates[0].elements, (RangeSet{{5, 10}}));
  EXPECT_EQ(plan.duplicates[1].rank, 2u);
  EXPECT_EQ(plan.duplicates[1].elements, (RangeSet{{0, 20}}));
}

TEST(TextValues, OnlyUtf8WithoutZeroBytesIsText) {
  const auto is = [](std::string_view text) { return is_text(std::as_bytes(std::span(text))); };
  EXPECT_TRUE(is(""));
  EXPECT_TRUE(is("a\u00e9\u20ac\U0001F600"));
  for (const std::string& bad :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xc3"), std::string("\xe2\x82"),
        std::string("\xc0\x80"), std::string("\xed\xa0\x80"), std::string("\xf4\x90\x80\x80")})
    EXPECT_FALSE(is(bad));
}

}  // namespace
}  // namespace mpipe::test
