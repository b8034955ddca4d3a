// SPDX-License-Identifier: BSD-3-Clause
// Indices, ranges and sets of them, against plain sets of numbers.
#include <mpipe/core/index.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace mpipe {

void PrintTo(const IndexRange& range, std::ostream* out) {
  *out << "[" << range.begin << ", " << range.end << ")";
}

using Ranges = std::vector<IndexRange>;
Ranges ranges_of(const RangeSet& set) { return {set.ranges().begin(), set.ranges().end()}; }
void PrintTo(const RangeSet& set, std::ostream* out) { *out << ::testing::PrintToString(ranges_of(set)); }

namespace {

using Indices = std::set<Index>;

static_assert(!std::is_convertible_v<FunctionId, OutputId>, "ids of different things must not mix");

TEST(Id, is_ordered_and_hashable) {
  EXPECT_EQ(FunctionId{3}, FunctionId{3});
  EXPECT_LT(FunctionId{2}, FunctionId{3});
  const std::unordered_set<WorkerId> workers{WorkerId{0}, WorkerId{1}, WorkerId{0}};
  EXPECT_EQ(workers.size(), 2U);
}

TEST(IndexRange, is_half_open) {
  const IndexRange range{2, 5};
  EXPECT_EQ(range.size(), 3);
  EXPECT_FALSE(range.contains(1));
  EXPECT_TRUE(range.contains(2));
  EXPECT_TRUE(range.contains(4));
  EXPECT_FALSE(range.contains(5));
  EXPECT_FALSE(range.empty());
  EXPECT_TRUE((IndexRange{5, 5}.empty()));
}

TEST(RangeSet, merges_what_touches_or_overlaps) {
  RangeSet set{{0, 2}, {4, 6}, {8, 9}};
  EXPECT_EQ(ranges_of(set), (Ranges{{0, 2}, {4, 6}, {8, 9}}));
  set.insert({2, 4});
  EXPECT_EQ(ranges_of(set), (Ranges{{0, 6}, {8, 9}}));
  set.insert({7, 12});
  EXPECT_EQ(ranges_of(set), (Ranges{{0, 6}, {7, 12}}));
  set.insert({3, 3});
  EXPECT_EQ(set.count(), 11);
}

TEST(RangeSet, erasing_inside_splits) {
  RangeSet set{{0, 10}};
  set.erase({4, 6});
  EXPECT_EQ(ranges_of(set), (Ranges{{0, 4}, {6, 10}}));
  set.erase({4, 6});
  EXPECT_EQ(ranges_of(set), (Ranges{{0, 4}, {6, 10}}));
  set.erase({0, 10});
  EXPECT_TRUE(set.empty());
}

TEST(RangeSet, ranges_of_a_billion_cost_one_entry) {
  RangeSet set;
  set.insert({0, 1'000'000'000});
  set.insert({1'000'000'000, Index{1} << 62});
  EXPECT_EQ(set.ranges().size(), 1U);
  EXPECT_EQ(set.count(), Index{1} << 62);
}

TEST(RangeSet, an_empty_range_is_always_contained) {
  EXPECT_TRUE(RangeSet().contains(IndexRange{7, 7}));
  EXPECT_FALSE(RangeSet().contains(IndexRange{7, 8}));
}

// --- against std::set ---

constexpr Index kUniverse = 24;  // small, so that ranges meet often

Indices indices_of(const RangeSet& set) {
  Indices indices;
  for (const IndexRange& range : set.ranges())
    for (Index i = range.begin; i < range.end; ++i) indices.insert(i);
  return indices;
}

/// Sorted, disjoint, not adjacent, not empty.
bool is_normal(const RangeSet& set) {
  const Ranges ranges = ranges_of(set);
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    if (ranges[k].begin >= ranges[k].end) return false;
    if (k > 0 && ranges[k - 1].end >= ranges[k].begin) return false;
  }
  return true;
}

class RandomSets {
 public:
  explicit RandomSets(unsigned seed) : random_(seed) {}

  Index index() { return std::uniform_int_distribution<Index>(0, kUniverse)(random_); }

  /// Also empty ones, and now and then one with its ends swapped (as empty as the others).
  IndexRange range() {
    const Index a = index();
    const Index b = index();
    return a <= b || index() == 0 ? IndexRange{a, b} : IndexRange{b, a};
  }

  RangeSet set() {
    RangeSet set;
    for (Index k = index() / 5; k > 0; --k) {
      const Index begin = index();
      set.insert({begin, begin + index() / 6});
    }
    return set;
  }

  bool coin() { return (random_() & 1U) != 0; }

 private:
  std::mt19937 random_;
};

TEST(RangeSet, insert_and_erase_agree_with_a_set_of_indices) {
  RandomSets random(1);
  RangeSet set;
  Indices expected;
  int checks = 0;
  for (int step = 0; step < 20'000; ++step) {
    const IndexRange range = random.range();
    const bool insert = random.coin();
    if (insert)
      set.insert(range);
    else
      set.erase(range);
    for (Index i = range.begin; i < range.end; ++i) {
      if (insert)
        expected.insert(i);
      else
        expected.erase(i);
    }
    ASSERT_EQ(indices_of(set), expected) << "step " << step;
    ASSERT_TRUE(is_normal(set)) << "step " << step << ": " << ::testing::PrintToString(set);
    ASSERT_EQ(set.count(), static_cast<Index>(expected.size()));
    ASSERT_EQ(set.empty(), expected.empty());
    ++checks;
  }
  EXPECT_EQ(checks, 20'000);
}

TEST(RangeSet, contains_agrees_with_a_set_of_indices) {
  RandomSets random(2);
  int contained = 0;
  int not_contained = 0;
  for (int step = 0; step < 200; ++step) {
    const RangeSet set = random.set();
    const Indices indices = indices_of(set);
    for (Index begin = -1; begin <= kUniverse + 8; ++begin) {
      ASSERT_EQ(set.contains(begin), indices.count(begin) == 1);
      bool expected = true;
      for (Index end = begin; end <= kUniverse + 8; ++end) {
        if (end > begin) expected = expected && indices.count(end - 1) == 1;
        ASSERT_EQ(set.contains(IndexRange{begin, end}), expected)
            << begin << ", " << end << " in " << ::testing::PrintToString(set);
        ++(expected ? contained : not_contained);
      }
    }
  }
  EXPECT_GT(contained, 5'000);
  EXPECT_GT(not_contained, 50'000);
}

TEST(RangeSet, algebra_agrees_with_a_set_of_indices) {
  RandomSets random(3);
  int intersecting = 0;
  for (int step = 0; step < 5'000; ++step) {
    const RangeSet a = random.set();
    const RangeSet b = random.set();
    const Indices in_a = indices_of(a);
    const Indices in_b = indices_of(b);
    Indices both;
    Indices only_a;
    for (const Index i : in_a) (in_b.count(i) != 0 ? both : only_a).insert(i);
    Indices any = in_a;
    any.insert(in_b.begin(), in_b.end());

    ASSERT_EQ(indices_of(a.intersection(b)), both)
        << ::testing::PrintToString(a) << ::testing::PrintToString(b);
    ASSERT_EQ(indices_of(a.difference(b)), only_a)
        << ::testing::PrintToString(a) << ::testing::PrintToString(b);
    ASSERT_EQ(indices_of(a.united(b)), any) << ::testing::PrintToString(a) << ::testing::PrintToString(b);
    ASSERT_TRUE(is_normal(a.intersection(b)));
    ASSERT_TRUE(is_normal(a.difference(b)));
    ASSERT_TRUE(is_normal(a.united(b)));
    ASSERT_EQ(a.difference(b).united(a.intersection(b)), a) << "equal sets must have equal ranges";
    intersecting += both.empty() ? 0 : 1;
  }
  EXPECT_GT(intersecting, 1'000);
}

// As of a journal's frames, one after the other, against all that is in the file: with costs of the larger
// set this takes many minutes.
TEST(RangeSet, a_small_set_against_a_large_one_costs_the_small_one) {
  RangeSet large;
  constexpr Index kRanges = 200'000;
  for (Index k = 0; k < kRanges; ++k) large.insert({4 * k, 4 * k + 2});
  const auto begin = std::chrono::steady_clock::now();
  Index missing = 0;
  Index common = 0;
  for (Index k = 0; k < kRanges; ++k) {
    const RangeSet small{{4 * k + 1, 4 * k + 3}};
    missing += small.difference(large).count();
    common += small.intersection(large).count() + large.intersection(small).count();
  }
  EXPECT_EQ(missing, kRanges);
  EXPECT_EQ(common, 2 * kRanges);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

TEST(RangeSet, operations_with_an_empty_set) {
  const RangeSet set{{2, 5}, {7, 8}};
  EXPECT_TRUE(set.intersection(RangeSet()).empty());
  EXPECT_TRUE(RangeSet().intersection(set).empty());
  EXPECT_EQ(set.united(RangeSet()), set);
  EXPECT_EQ(RangeSet().united(set), set);
  EXPECT_EQ(set.difference(RangeSet()), set);
}

TEST(RangeSet, intersection_with_a_range_agrees_with_a_set_of_indices) {
  RandomSets random(4);
  int intersecting = 0;
  for (int step = 0; step < 5'000; ++step) {
    const RangeSet set = random.set();
    const IndexRange range = random.range();
    Indices expected;
    for (const Index i : indices_of(set))
      if (range.contains(i)) expected.insert(i);
    const RangeSet result = set.intersection(range);
    ASSERT_EQ(indices_of(result), expected)
        << ::testing::PrintToString(set) << ::testing::PrintToString(range);
    ASSERT_TRUE(is_normal(result));
    intersecting += expected.empty() ? 0 : 1;
  }
  EXPECT_GT(intersecting, 1'000);
}

// --- against bits, with so many ranges that a set is in many pieces ---

constexpr std::size_t kBits = 30'000;
using Bits = std::vector<bool>;

Ranges ranges_of(const Bits& bits) {
  Ranges ranges;
  for (std::size_t k = 0; k < bits.size(); ++k) {
    if (!bits[k]) continue;
    if (k == 0 || !bits[k - 1]) ranges.push_back({static_cast<Index>(k), static_cast<Index>(k)});
    ++ranges.back().end;
  }
  return ranges;
}

/// A set and the same as bits.
struct Twins {
  RangeSet set;
  Bits bits = Bits(kBits);

  void change(IndexRange range, bool insert) {
    insert ? set.insert(range) : set.erase(range);
    for (Index k = range.begin; k < range.end; ++k) bits[static_cast<std::size_t>(k)] = insert;
  }
};

class ManyRanges : public ::testing::Test {
 protected:
  Index below(Index end) { return std::uniform_int_distribution<Index>(0, end - 1)(random_); }
  /// Mostly short, now and then one that covers many pieces.
  IndexRange range() {
    const Index begin = below(kBits);
    const Index length = below(200) == 0 ? below(kBits / 4) : below(6);
    return {begin, std::min<Index>(kBits, begin + length)};
  }
  Twins twins(int changes) {
    Twins made;
    for (int k = 0; k < changes; ++k) made.change(range(), below(3) != 0);
    return made;
  }
  /// About as many ranges as fit.
  Twins dense() {
    Twins made;
    for (Index k = 0; k < static_cast<Index>(kBits); k += 2)
      if (below(20) != 0) made.change({k, k + 1}, true);
    return made;
  }

  std::mt19937 random_{7};
};

TEST_F(ManyRanges, changes_in_any_order_agree_with_bits) {
  Twins twins = dense();
  ASSERT_GT(twins.set.ranges().size(), 10'000U);
  for (int step = 0; step < 30'000; ++step) {
    const IndexRange changed = range();
    twins.change(changed, below(2) == 0);
    ASSERT_EQ(twins.set.contains(changed.begin), twins.bits[static_cast<std::size_t>(changed.begin)]);
    if (step % 500 == 0) {
      ASSERT_EQ(ranges_of(twins.set), ranges_of(twins.bits)) << "step " << step;
      twins = step % 1000 == 0 ? dense() : twins;
    }
  }
  ASSERT_EQ(ranges_of(twins.set), ranges_of(twins.bits));
  for (Index k = 0; k < static_cast<Index>(kBits); ++k)
    ASSERT_EQ(twins.set.contains(k), twins.bits[static_cast<std::size_t>(k)]) << k;
}

TEST_F(ManyRanges, algebra_agrees_with_bits_whichever_set_is_larger) {
  for (int step = 0; step < 60; ++step) {
    const Twins a = step % 3 == 0 ? dense() : twins(step % 3 == 1 ? 5 : 5'000);
    const Twins b = step % 5 == 0 ? twins(7) : dense();
    Bits any(kBits);
    Bits both(kBits);
    Bits only_a(kBits);
    for (std::size_t k = 0; k < kBits; ++k) {
      any[k] = a.bits[k] || b.bits[k];
      both[k] = a.bits[k] && b.bits[k];
      only_a[k] = a.bits[k] && !b.bits[k];
    }
    EXPECT_EQ(ranges_of(a.set.united(b.set)), ranges_of(any));
    EXPECT_EQ(ranges_of(a.set.intersection(b.set)), ranges_of(both));
    EXPECT_EQ(ranges_of(a.set.difference(b.set)), ranges_of(only_a));
    RangeSet changed = a.set;
    changed.insert(b.set);
    EXPECT_EQ(ranges_of(changed), ranges_of(any));
    changed = a.set;
    changed.erase(b.set);
    EXPECT_EQ(ranges_of(changed), ranges_of(only_a));
  }
}

TEST_F(ManyRanges, ranges_in_any_order_make_the_same_set) {
  for (int step = 0; step < 20; ++step) {
    Ranges ranges{{5, 5}, {9, 3}};  // empty ones are left out
    Bits bits(kBits);
    for (int k = 0; k < 4'000; ++k) {
      ranges.push_back(range());
      for (Index at = ranges.back().begin; at < ranges.back().end; ++at)
        bits[static_cast<std::size_t>(at)] = true;
    }
    EXPECT_EQ(ranges_of(RangeSet::of(ranges)), ranges_of(bits));
  }
}

// As of a run that fills every second element: with costs that go with all ranges this takes minutes.
TEST(RangeSet, filling_the_gaps_of_a_million_ranges_costs_each_gap) {
  constexpr Index kRanges = 1'000'000;
  const auto begin = std::chrono::steady_clock::now();
  RangeSet set;
  for (Index k = 0; k < kRanges; ++k) set.insert({2 * k, 2 * k + 1});
  for (Index k = 0; k < kRanges; ++k) {
    const Index gap = k * 7919 % kRanges;  // in no order
    set.insert({2 * gap + 1, 2 * gap + 2});
  }
  EXPECT_EQ(set, (RangeSet{{0, 2 * kRanges}}));
  for (Index k = 0; k < kRanges; ++k) {
    const Index gap = k * 7919 % kRanges;
    set.erase({2 * gap, 2 * gap + 1});
  }
  EXPECT_EQ(set.ranges().size(), static_cast<std::size_t>(kRanges));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace mpipe
