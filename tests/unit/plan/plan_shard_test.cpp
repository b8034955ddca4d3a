// SPDX-License-Identifier: BSD-3-Clause
// What each part of a sweep computes, and what waits until the parts are merged.
#include <mpipe/plan/plan.hpp>

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

double sum_of(ArrayView<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}
double one(double a) { return a; }
double two(double a, double b) { return a + b; }

Array<double> numbers(Index count) { return Array<double>(Shape{count}); }

/// What is selected of an output in part `number` of `of`.
RangeSet selected(const Plan& plan, const std::string& output) {
  return plan.selected(plan.output(*plan.find_output(output)).stage);
}

Plan plan_part(const Pipeline& pipeline, const Inputs& inputs, Index number, Index of,
               FixedIndices fixed = {}) {
  PlanRequest request{inputs};
  request.fixed = std::move(fixed);
  request.shard = Shard{number, of};
  return {pipeline, request};
}

/// Every element is in one part, and the parts differ by one element at most.
void expect_divided(const Pipeline& pipeline, const Inputs& inputs, const std::string& output, Index of,
                    const RangeSet& all, const FixedIndices& fixed = {}) {
  RangeSet seen;
  for (Index number = 1; number <= of; ++number) {
    const RangeSet part = selected(plan_part(pipeline, inputs, number, of, fixed), output);
    EXPECT_TRUE(seen.intersection(part).empty()) << output << ' ' << number << '/' << of;
    EXPECT_LE(part.count(), all.count() / of + 1);
    EXPECT_GE(part.count(), all.count() / of);
    seen.insert(part);
  }
  EXPECT_EQ(seen, all) << output << " in " << of;
}

/// Of an outer product of two arrays that are computed, one of them turned.
Pipeline product() {
  return {function("a", one).parameters("x").mapspec("x[i] -> a[i]"),
          function("b", two).parameters("x", "w").mapspec("x[i], w[j] -> b[j, i]"),
          function("c", two).parameters("a", "b").mapspec("a[i], b[j, i] -> c[i, j]"),
          function("d", one).parameters("c").mapspec("c[i, j] -> d[i, j]"),
          function("row", sum_of).parameters("c").mapspec("c[i, :] -> row[i]"),
          function("after", two).parameters("a", "row").mapspec("a[i], row[i] -> after[i]"),
          function("total", sum_of).parameters("row")};
}

TEST(PlanShard, DividesElementsIntoPartsOfEqualSize) {
  for (const Index of : {1, 2, 3, 7, 30, 40})
    expect_divided(product(), {{"x", numbers(5)}, {"w", numbers(6)}}, "c", of, {{0, 30}});
}

TEST(PlanShard, DividesWhatIsFixed) {
  const Inputs inputs{{"x", numbers(5)}, {"w", numbers(6)}};
  const Pipeline pipeline{function("c", two).parameters("x", "w").mapspec("x[i], w[j] -> c[i, j]")};
  const FixedIndices fixed{{"j", Slice{1, 4, 2}}};
  RangeSet all;
  for (Index i = 0; i < 5; ++i)
    for (const Index j : {1, 3}) all.insert({6 * i + j, 6 * i + j + 1});
  expect_divided(pipeline, inputs, "c", 3, all, fixed);
}

TEST(PlanShard, ComputesJustWhatItsElementsRead) {
  const Pipeline pipeline = product();
  for (const Index of : {2, 3, 7, 30, 40})
    for (Index number = 1; number <= of; ++number) {
      const Plan plan = plan_part(pipeline, {{"x", numbers(5)}, {"w", numbers(6)}}, number, of);
      RangeSet a;
      RangeSet b;
      for (const IndexRange& range : selected(plan, "c").ranges())
        for (Index element = range.begin; element < range.end; ++element) {
          const Index i = element / 6;
          const Index j = element % 6;
          a.insert({i, i + 1});
          b.insert({5 * j + i, 5 * j + i + 1});
        }
      EXPECT_EQ(selected(plan, "a"), a) << number << '/' << of;
      EXPECT_EQ(selected(plan, "b"), b) << number << '/' << of;
      EXPECT_EQ(selected(plan, "d"), selected(plan, "c"));
    }
}

TEST(PlanShard, ReductionsWaitForTheMerge) {
  const Pipeline pipeline = product();
  const Plan plan = plan_part(pipeline, {{"x", numbers(5)}, {"w", numbers(6)}}, 1, 2);
  for (const char* output : {"row", "total", "after"}) {
    EXPECT_TRUE(selected(plan, output).empty()) << output;
    EXPECT_TRUE(plan.waits(pipeline.producer_of(output))) << output;
  }
  for (const char* output : {"a", "b", "c", "d"})
    EXPECT_FALSE(plan.waits(pipeline.producer_of(output))) << output;
  EXPECT_FALSE(Plan(pipeline, {{{"x", numbers(5)}, {"w", numbers(6)}}}).waits(pipeline.producer_of("row")));
}

/// A function that waits never joins a stage that does not, or the other way round.
TEST(PlanShard, NoStageWaitsInPart) {
  const Pipeline pipeline{function("u", one).parameters("w").mapspec("w[k] -> u[k]"),
                          function("total", sum_of).parameters("u"),
                          function("a", one).parameters("x").mapspec("x[i] -> a[i]"),
                          function("b", two).parameters("a", "w").mapspec("a[i], w[k] -> b[i, k]"),
                          function("c", two).parameters("b", "v").mapspec("b[i, k], v[l] -> c[i, k, l]"),
                          function("d", two).parameters("c", "total").mapspec("c[i, k, l] -> d[i, k, l]")};
  const Plan plan = plan_part(pipeline, {{"x", numbers(4)}, {"w", numbers(3)}, {"v", numbers(2)}}, 1, 2);
  EXPECT_EQ(selected(plan, "c"), (RangeSet{{0, 12}}));
  EXPECT_TRUE(selected(plan, "d").empty());
  EXPECT_EQ(selected(plan, "a"), (RangeSet{{0, 2}}));
  EXPECT_EQ(selected(plan, "u"), (RangeSet{{0, 2}})) << "the first two of three: only what waits reads them";
}

TEST(PlanShard, SingleValuesAreComputedWhereTheyAreRead) {
  const Pipeline pipeline{function("mesh", one).parameters("n"), function("name", one).parameters("m"),
                          function("y", two).parameters("x", "mesh").mapspec("x[i] -> y[i]")};
  const Inputs inputs{{"n", 1.0}, {"m", 2.0}, {"x", numbers(2)}};
  const RangeSet single{{0, 1}};
  EXPECT_EQ(selected(plan_part(pipeline, inputs, 1, 2), "mesh"), single);
  EXPECT_EQ(selected(plan_part(pipeline, inputs, 2, 2), "mesh"), single);
  EXPECT_TRUE(selected(plan_part(pipeline, inputs, 3, 3), "mesh").empty()) << "there is no third element";
  expect_divided(pipeline, inputs, "name", 3, single);
}

/// The length shows while the run goes on: all parts compute the array, and then their parts of what is mapped over
/// it. What also needs elements of another array could not say in time which ones, and waits.
TEST(PlanShard, DividesWhatShowsItsShapeLate) {
  const auto generate = [](double n) { return std::vector<double>(static_cast<std::size_t>(n)); };
  const Pipeline pipeline{function("x", generate).parameters("n").mapspec("... -> x[i]"),
                          function("y", one).parameters("x").mapspec("x[i] -> y[i]"),
                          function("a", one).parameters("w").mapspec("w[j] -> a[j]"),
                          function("z", two).parameters("a", "y").mapspec("a[j], y[i] -> z[j, i]")};
  for (const Index number : {1, 2}) {
    Plan plan = plan_part(pipeline, {{"n", 5.0}, {"w", numbers(4)}}, number, 2);
    EXPECT_EQ(selected(plan, "x"), (RangeSet{{0, 1}}));
    EXPECT_EQ(selected(plan, "a"), (number == 1 ? RangeSet{{0, 2}} : RangeSet{{2, 4}}));
    plan.resolve(*plan.find_output("x"), {5});
    EXPECT_EQ(selected(plan, "y"), (number == 1 ? RangeSet{{0, 3}} : RangeSet{{3, 5}}));
    EXPECT_TRUE(selected(plan, "z").empty());
  }
}

TEST(PlanShard, ArraysWithoutElementsHaveEmptyParts) {
  const Pipeline pipeline = product();
  const Plan plan = plan_part(pipeline, {{"x", numbers(5)}, {"w", numbers(0)}}, 2, 2);
  EXPECT_TRUE(selected(plan, "c").empty());
  EXPECT_TRUE(selected(plan, "b").empty());
  EXPECT_EQ(selected(plan, "a"), (RangeSet{{3, 5}})) << "nothing reads it";
}

}  // namespace
}  // namespace mpipe::test
