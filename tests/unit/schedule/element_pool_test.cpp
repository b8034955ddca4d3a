// SPDX-License-Identifier: BSD-3-Clause
#include "schedule/api/element_pool.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

TEST(ElementPool, IsEmptyAtFirst) {
  const ElementPool pool;
  EXPECT_TRUE(pool.empty());
  EXPECT_TRUE(pool.elements().empty());
}

TEST(ElementPool, NeverCrossesAGap) {
  ElementPool pool;
  pool.add({{0, 5}, {7, 8}, {10, 20}});
  EXPECT_EQ(pool.count(), 16);
  EXPECT_EQ(pool.take(3), (IndexRange{0, 3}));
  EXPECT_EQ(pool.take(3), (IndexRange{3, 5}));
  EXPECT_EQ(pool.take(3), (IndexRange{7, 8}));
  EXPECT_EQ(pool.take(100), (IndexRange{10, 20}));
  EXPECT_TRUE(pool.empty());
}

TEST(ElementPool, GivesOutFirstWhatCameBack) {
  ElementPool pool;
  pool.add({{0, 100}});
  pool.take(20);
  pool.give_back({10, 20});
  pool.give_back({3, 3});  // nothing
  EXPECT_EQ(pool.count(), 90);
  EXPECT_EQ(pool.elements(), (RangeSet{{10, 100}}));
  EXPECT_EQ(pool.take(4), (IndexRange{10, 14}));
  EXPECT_EQ(pool.take(50), (IndexRange{14, 20}));
  EXPECT_EQ(pool.take(50), (IndexRange{20, 70}));
  EXPECT_EQ(pool.elements(), (RangeSet{{70, 100}}));
}

TEST(ElementPool, TakesMoreWhileInUse) {
  ElementPool pool;
  pool.add({{10, 20}});
  pool.take(5);
  pool.give_back({10, 12});
  pool.add({{0, 3}, {20, 25}});
  EXPECT_EQ(pool.elements(), (RangeSet{{0, 3}, {10, 12}, {15, 25}}));
  EXPECT_EQ(pool.count(), 15);
  Index seen = 0;
  while (!pool.empty()) seen += pool.take(4).size();
  EXPECT_EQ(seen, 15);
  pool.add({{0, 2}});
  EXPECT_EQ(pool.take(9), (IndexRange{0, 2}));
}

}  // namespace
}  // namespace mpipe
