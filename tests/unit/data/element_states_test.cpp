// SPDX-License-Identifier: BSD-3-Clause
// ElementStates against a model that keeps a state per element.
#include <mpipe/data/element_states.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

namespace mpipe {
namespace {

constexpr Index kElements = 48;

/// A state per element, and whether a block comes from an array.
struct Model {
  std::array<ElementStatus, kElements> status{};
  std::array<bool, kElements> by_array{};

  static int rank(ElementStatus status) {  // the higher one wins
    return status == ElementStatus::done     ? 3
           : status == ElementStatus::failed ? 2
                                             : static_cast<int>(status) / 3;
  }
  void add(const RangeSet& elements, ElementStatus what) {
    for (Index k = 0; k < kElements; ++k) {
      ElementStatus& old = status[static_cast<std::size_t>(k)];
      if (!elements.contains(k) || rank(what) <= rank(old)) continue;
      old = what;
      by_array[static_cast<std::size_t>(k)] = false;
    }
  }
  void set_blocked(const RangeSet& by_value, const RangeSet& from_array) {
    for (Index k = 0; k < kElements; ++k) {
      const auto at = static_cast<std::size_t>(k);
      if (rank(status[at]) > 1) continue;
      const bool blocked = by_value.contains(k) || from_array.contains(k);
      status[at] = blocked ? ElementStatus::blocked : ElementStatus::pending;
      by_array[at] = blocked && !by_value.contains(k);
    }
  }
};

RangeSet some_elements(std::mt19937& random) {
  RangeSet set;
  const int ranges = std::uniform_int_distribution<int>(0, 4)(random);
  for (int k = 0; k < ranges; ++k) {
    const Index begin = std::uniform_int_distribution<Index>(0, kElements - 1)(random);
    set.insert({begin, std::min(kElements, begin + std::uniform_int_distribution<Index>(1, 9)(random))});
  }
  return set;
}

ElementStatus some_status(std::mt19937& random) {
  return static_cast<ElementStatus>(std::uniform_int_distribution<int>(0, 3)(random));
}

/// The same change of both.
void change(std::mt19937& random, ElementStates& states, Model& model) {
  const RangeSet elements = some_elements(random);
  switch (std::uniform_int_distribution<int>(0, 4)(random)) {
    case 0:
      states.add_done(elements);
      return model.add(elements, ElementStatus::done);
    case 1:
      states.add_failed(elements);
      return model.add(elements, ElementStatus::failed);
    case 2:
      states.add_blocked(elements);
      return model.add(elements, ElementStatus::blocked);
    case 3: {
      const ElementStatus status = some_status(random);
      for (const IndexRange& range : elements.ranges()) states.add(range, status);
      return model.add(elements, status);
    }
    default: {
      const RangeSet by_array = some_elements(random);
      states.set_blocked(elements, by_array);
      model.set_blocked(elements, by_array);
    }
  }
}

void expect_same(const ElementStates& states, const Model& model) {
  for (Index k = 0; k < kElements; ++k) {
    const auto at = static_cast<std::size_t>(k);
    ASSERT_EQ(states.status(k), model.status[at]) << k;
    ASSERT_EQ(states.done().contains(k), model.status[at] == ElementStatus::done) << k;
    ASSERT_EQ(states.failed().contains(k), model.status[at] == ElementStatus::failed) << k;
    ASSERT_EQ(states.blocked().contains(k), model.status[at] == ElementStatus::blocked) << k;
    ASSERT_EQ(states.blocked_by_array().contains(k), model.by_array[at]) << k;
    ASSERT_EQ(states.without_value().contains(k), Model::rank(model.status[at]) % 3 != 0) << k;
  }
}

TEST(ElementStates, AreThoseOfAModelWithAStatePerElement) {
  std::mt19937 random(7);
  for (int run = 0; run < 60; ++run) {
    ElementStates states;
    Model model;
    for (int step = 0; step < 20; ++step) {
      change(random, states, model);
      ASSERT_NO_FATAL_FAILURE(expect_same(states, model)) << "run " << run << " step " << step;
    }
  }
}

/// What wins does not depend on the order in which ranks, journals and files tell of it.
TEST(ElementStates, TheOrderInWhichStatesArriveDoesNotMatter) {
  std::mt19937 random(8);
  for (int run = 0; run < 60; ++run) {
    std::vector<std::pair<RangeSet, ElementStatus>> news;
    for (int k = 0; k < 8; ++k) news.emplace_back(some_elements(random), some_status(random));
    ElementStates forward;
    ElementStates backward;
    ElementStates merged;
    for (const auto& [elements, status] : news) {
      ElementStates one;
      for (const IndexRange& range : elements.ranges()) forward.add(range, status), one.add(range, status);
      merged.add(one);
    }
    std::reverse(news.begin(), news.end());
    for (const auto& [elements, status] : news)
      for (const IndexRange& range : elements.ranges()) backward.add(range, status);
    EXPECT_EQ(forward, backward);
    EXPECT_EQ(forward, merged);
  }
}

TEST(ElementStates, APartHasTheStatesOfTheWhole) {
  std::mt19937 random(9);
  for (int run = 0; run < 100; ++run) {
    ElementStates states;
    Model model;
    for (int step = 0; step < 6; ++step) change(random, states, model);
    const RangeSet selection = some_elements(random);
    const ElementStates part = states.within(selection);
    for (Index k = 0; k < kElements; ++k)
      EXPECT_EQ(part.status(k), selection.contains(k) ? states.status(k) : ElementStatus::pending);
    states.forget_failures();
    EXPECT_TRUE(states.all_fine());
    for (Index k = 0; k < kElements; ++k)
      EXPECT_EQ(states.status(k) == ElementStatus::done,
                model.status[static_cast<std::size_t>(k)] == ElementStatus::done);
  }
}

TEST(ElementStates, GoThroughBytesUnchanged) {
  std::mt19937 random(10);
  ElementStates states;
  Model model;
  for (int step = 0; step < 12; ++step) change(random, states, model);
  ByteWriter out;
  states.put(out);
  ByteReader in(out.bytes(), "states");
  EXPECT_EQ(ElementStates::get(in), states);
  in.expect_end();
}

TEST(ElementStates, BytesThatContradictThemselvesAreRefused) {
  const RangeSet few{{0, 4}};
  const RangeSet free;
  for (const auto& sets : {std::array{few, few, free, free}, std::array{few, free, few, free},
                           std::array{free, few, few, free}, std::array{free, free, free, few}}) {
    ByteWriter out;
    for (const RangeSet& set : sets) out.put_ranges(set);
    ByteReader in(out.bytes(), "states");
    EXPECT_THROW(ElementStates::get(in), Bug);
  }
}

}  // namespace
}  // namespace mpipe
