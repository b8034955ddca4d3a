// SPDX-License-Identifier: BSD-3-Clause
// What becomes ready when: against a plain walk over all elements, in random orders of what is done.
#include "plan/api/readiness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace mpipe {
namespace {

double one(double a) { return a; }
double sum_of(ArrayView<const double> a) { return static_cast<double>(a.size()); }
double scaled(ArrayView<const double> a, double b) { return static_cast<double>(a.size()) * b; }
double sum_of_both(ArrayView<const double> a, ArrayView<const double> b) {
  return static_cast<double>(a.size() + b.size());
}

/// All ways to read an array: element by element, turned, by rows, planes, in part of several, as a whole.
Pipeline pipeline() {
  return {function("p", [](double a, double b, double c) { return a + b + c; })
              .parameters("a", "b", "c")
              .mapspec("a[i], b[j], c[k] -> p[i, j, k]"),
          function("turned", one).parameters("p").mapspec("p[i, j, k] -> turned[k, i, j]"),
          function("rows", sum_of).parameters("p").mapspec("p[i, :, k] -> rows[k, i]"),
          function("planes", sum_of).parameters("p").mapspec("p[:, j, :] -> planes[j]"),
          function("all", sum_of).parameters("p"),
          function("both", sum_of_both)
              .parameters("turned", "p")
              .mapspec("turned[k, :, j], p[:, j, k] -> both[j, k]"),
          function("wider", [](double a, double b) { return a * b; })
              .parameters("planes", "a")
              .mapspec("planes[j], a[i] -> wider[i, j]"),
          function("end", scaled).parameters("wider", "all").mapspec("wider[i, :] -> end[i]")};
}

struct Fixture {
  Fixture() { plan.let_stages_overlap(); }

  Shape shape(StageId stage) const { return known_shape(plan.external_shape(stage)); }

  /// Whether one element of a stage needs one of the array of an argument.
  bool needs(const PlannedArgument& argument, const MultiIndex& reader, const MultiIndex& read) const {
    for (std::size_t axis = 0; axis < read.size(); ++axis)
      if (argument.indexed_by[axis] && reader[*argument.indexed_by[axis]] != read[axis]) return false;
    return true;
  }

  /// What of a stage can be computed, when nothing but `missing` (by stage) is not done: by trying all.
  RangeSet computable(StageId stage, const std::vector<RangeSet>& missing) const {
    RangeSet ready;
    for (Index k = 0; k < element_count(shape(stage)); ++k) {
      bool waits = false;
      for (const FunctionId id : plan.stages()[stage.value].functions)
        for (const PlannedArgument& argument : plan.function(id)->arguments) {
          if (!argument.output || argument.same_block) continue;
          const StageId source = plan.output(*argument.output).stage;
          for (const IndexRange& range : missing[source.value].ranges())
            for (Index m = range.begin; m < range.end; ++m)
              waits = waits || needs(argument, multi_index(k, shape(stage)), multi_index(m, shape(source)));
        }
      if (!waits) ready.insert({k, k + 1});
    }
    return ready;
  }

  Pipeline functions = pipeline();
  Plan plan{functions, {{{"a", {1.0, 2.0, 3.0}}, {"b", {1.0, 2.0}}, {"c", {1.0, 2.0, 3.0, 4.0}}}, {}, {}}};
};

TEST(Readiness, IsThatOfTheElementsThatAreRead) {
  const Fixture fixture;
  ASSERT_EQ(fixture.plan.wave_count(), 1U);
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    Readiness readiness(fixture.plan, 0);
    const auto stages = fixture.plan.stages_of_wave(0);
    std::vector<RangeSet> missing(fixture.plan.stages().size());
    std::vector<RangeSet> ready(missing.size());  // to be computed
    std::vector<RangeSet> todo(missing.size());
    for (const StageId stage : stages) {
      for (Index k = 0; k < element_count(fixture.shape(stage)); ++k)
        if (std::bernoulli_distribution(0.25 * (round % 5))(random)) todo[stage.value].insert({k, k + 1});
      ready[stage.value] = readiness.begin(stage, todo[stage.value]);
      missing[stage.value] = todo[stage.value];
    }
    for (;;) {
      std::vector<StageId> some;
      for (const StageId stage : stages) {
        const RangeSet computable = fixture.computable(stage, missing);
        EXPECT_EQ(ready[stage.value], missing[stage.value].intersection(computable)) << stage.value;
        EXPECT_EQ(readiness.waiting(stage), missing[stage.value].difference(computable)) << stage.value;
        if (!ready[stage.value].empty()) some.push_back(stage);
      }
      if (some.empty() || HasFailure()) break;
      // A part of a range of any stage that has something to compute is done next.
      const StageId stage = some[random() % some.size()];
      const auto& ranges = ready[stage.value].ranges();
      IndexRange done = *std::next(ranges.begin(), static_cast<std::ptrdiff_t>(random() % ranges.size()));
      done.begin += static_cast<Index>(random() % static_cast<std::uint64_t>(done.size()));
      ready[stage.value].erase(done);
      missing[stage.value].erase(done);
      for (const auto& [opened, elements] : readiness.on_done(stage, done)) {
        EXPECT_TRUE(ready[opened.value].intersection(elements).empty());
        ready[opened.value].insert(elements);
      }
    }
    for (const RangeSet& rest : missing) ASSERT_TRUE(rest.empty());
  }
}

// Counts are kept for rows, not for what is in them.
TEST(Readiness, OfABillionElementsCountsRows) {
  const Pipeline functions{function("y", [](double a, double b) { return a + b; })
                               .parameters("a", "b")
                               .mapspec("a[i], b[j] -> y[i, j]"),
                           function("r", sum_of).parameters("y").mapspec("y[i, :] -> r[i]")};
  Plan plan(functions, {{{"a", linspace(0, 1, 30000)}, {"b", linspace(0, 1, 40000)}}, {}, {}});
  plan.let_stages_overlap();
  Readiness readiness(plan, 0);
  const StageId y = plan.stages_of_wave(0)[0];
  const StageId r = plan.stages_of_wave(0)[1];
  readiness.begin(y, {{0, 1'200'000'000}});
  EXPECT_TRUE(readiness.begin(r, {{0, 30000}}).empty());
  EXPECT_TRUE(readiness.on_done(y, {0, 39'999}).empty());
  const auto ready = readiness.on_done(y, {40'000, 1'200'000'000});
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].elements, (RangeSet{{1, 30000}}));
  EXPECT_EQ(readiness.waiting(r), (RangeSet{{0, 1}}));
}

// Values that are converted, of varying size, or of a shape that shows later are read when their stage is over.
TEST(Readiness, IsNotAskedWhereValuesAreNotReadInPlace) {
  const Pipeline functions{
      function("n", [](double x) { return static_cast<std::int64_t>(x); })
          .parameters("x")
          .mapspec("x[i] -> n[i]"),
      function("t", [](double x) { return std::to_string(x); }).parameters("x").mapspec("x[i] -> t[i]"),
      function("v", [](double x) { return std::vector<double>{x}; })
          .parameters("x")
          .mapspec("x[i] -> v[i, k]"),
      function("m", sum_of).parameters("n"),
      function("u", [](ArrayView<const std::string> t) { return static_cast<double>(t.size()); })
          .parameters("t"),
      function("s", sum_of).parameters("v")};
  Plan plan(functions, {{{"x", {1.0, 2.0}}}, {}, {}});
  plan.let_stages_overlap();
  EXPECT_EQ(plan.wave_count(), 2U);
  for (const char* name : {"m", "u", "s"})
    EXPECT_EQ(plan.stages()[plan.output(*plan.find_output(name)).stage.value].wave, 1U) << name;
}

}  // namespace
}  // namespace mpipe
