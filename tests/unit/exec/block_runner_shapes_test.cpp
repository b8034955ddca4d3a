// SPDX-License-Identifier: BSD-3-Clause
// Elements that are arrays themselves: with shapes that are known, and with shapes that show when one is
// computed.
#include "support/expect_error.hpp"
#include "unit/exec/local_run.hpp"

#include <numeric>

namespace mpipe {
namespace {

using test::contains;
using test::LocalRun;
using test::numbered;

Function powers(PartialShape declared = {}) {
  const auto body = [](int x) { return Array<int>{x, x * x, x * x * x}; };
  Function f = function("p", body).parameters("x").mapspec("x[i] -> p[i, k]");
  return declared.empty() ? f : f.internal_shape(std::move(declared));
}

TEST(BlockRunnerShapes, that_are_declared_are_not_reported) {
  LocalRun run({powers({3})}, {{"x", numbered<int>({4})}});
  run.runner.prepare_wave(0, {});
  EXPECT_TRUE(run.array("p").internal_known());
  EXPECT_TRUE(run.compute("p", 0, 4).late_shapes.empty());
  EXPECT_EQ(run.value("p").as<Array<int>>()(3, 2), 27);
}

TEST(BlockRunnerShapes, that_are_found_are_reported_by_every_block_of_the_wave) {
  LocalRun run({powers()}, {{"x", numbered<int>({4})}});
  run.runner.prepare_wave(0, {});
  EXPECT_FALSE(run.array("p").internal_known());
  const LateShape expected{run.output("p"), {3}};
  EXPECT_EQ(run.compute("p", 2, 4).late_shapes, std::vector<LateShape>{expected});
  EXPECT_EQ(run.compute("p", 0, 2).late_shapes,
            std::vector<LateShape>{expected});  // another rank may not know it
  EXPECT_EQ(run.value("p").as<Array<int>>()(3, 2), 27);
  EXPECT_EQ(run.value("p").as<Array<int>>()(1, 1), 1);
}

TEST(BlockRunnerShapes, that_are_found_are_read_within_the_stage_and_later) {
  const auto sum = [](ArrayView<const int> row) { return std::accumulate(row.begin(), row.end(), 0); };
  for (const Index block : {1, 3, 100}) {
    LocalRun run({powers(), function("sum", sum).parameters("p").mapspec("p[i, :] -> sum[i]"),
                  function("column", sum).parameters("p").mapspec("p[:, k] -> column[k]"),
                  function("double_p", [](double v) { return 2 * v; })
                      .parameters("p")
                      .mapspec("p[i, k] -> double_p[i, k]")},
                 {{"x", {1, 2, 3, 4}}});
    run.run(block);
    EXPECT_EQ(run.value("sum").as<std::vector<int>>(), (std::vector<int>{3, 14, 39, 84}));
    EXPECT_EQ(run.value("column").as<std::vector<int>>(), (std::vector<int>{10, 30, 100}));
    EXPECT_EQ(run.value("double_p").as<Array<double>>()(3, 2), 128.0);
  }
}

TEST(BlockRunnerShapes, of_texts) {
  const auto body = [](int x) {
    return std::vector<std::string>{std::to_string(x), std::string(static_cast<std::size_t>(x), 'x')};
  };
  for (const Index block : {1, 2, 100}) {
    LocalRun run({function("t", body).parameters("x").mapspec("x[i] -> t[i, k]"),
                  function("second", [](ArrayView<const std::string> t) { return t[1]; })
                      .parameters("t")
                      .mapspec("t[i, :] -> second[i]"),
                  function("all", [](ArrayView<const std::string> t) { return t(2, 0) + t(0, 1) + t(1, 1); })
                      .parameters("t")},
                 {{"x", {1, 2, 3}}});
    run.run(block);
    EXPECT_EQ(run.value("second").as<std::vector<std::string>>(),
              (std::vector<std::string>{"x", "xx", "xxx"}));
    EXPECT_EQ(run.value("all").as<std::string>(), "3xxx");
  }
}

// The axes of an element may stand anywhere in the mapspec; the layout in memory stays element by element.
TEST(BlockRunnerShapes, internal_axes_may_come_first) {
  const auto row_of = [](ArrayView<const int> view) { return Array<int>({view.size()}, view.begin()); };
  for (const bool declared : {false, true}) {
    const auto body = [](int x) { return Array<int>{x, 10 * x, 100 * x}; };
    Function first = function("y", body).parameters("x").mapspec("x[i] -> y[k, i]");
    if (declared) first.internal_shape({3});
    for (const Index block : {1, 3, 100}) {
      LocalRun run(
          {first, function("rows", row_of).parameters("y").mapspec("y[k, :] -> rows[k, i]"),
           function("columns", row_of).parameters("y").mapspec("y[:, i] -> columns[i, k]"),
           function("same", [](int y) { return y; }).parameters("y").mapspec("y[k, i] -> same[k, i]")},
          {{"x", {1, 2, 3, 4}}});
      run.run(block);
      const auto y = run.value("y").as<Array<int>>();
      ASSERT_EQ(y.shape(), (Shape{3, 4}));
      EXPECT_EQ(y(0, 3), 4);
      EXPECT_EQ(y(2, 1), 200);
      EXPECT_EQ(run.value("rows").as<Array<int>>(), y);
      EXPECT_EQ(run.value("same").as<Array<int>>(), y);
      const auto columns = run.value("columns").as<Array<int>>();
      for (Index i = 0; i < 4; ++i)
        for (Index k = 0; k < 3; ++k) EXPECT_EQ(columns(i, k), y(k, i));
    }
  }
}

TEST(BlockRunnerShapes, internal_axes_of_texts_may_come_first) {
  const auto body = [](int x) {
    return std::vector<std::string>{std::to_string(x), std::string(static_cast<std::size_t>(x), 'x')};
  };
  LocalRun run({function("t", body).parameters("x").mapspec("x[i] -> t[k, i]")}, {{"x", {1, 2, 3}}});
  run.run(2);
  const auto t = run.value("t").as<Array<std::string>>();
  ASSERT_EQ(t.shape(), (Shape{2, 3}));
  EXPECT_EQ(t(0, 2), "3");
  EXPECT_EQ(t(1, 1), "xx");
}

TEST(BlockRunnerShapes, of_single_values_are_found) {
  LocalRun run(
      {function("m",
                [](int n) {
                  return numbered<double>({n, n + 1});
                })
           .parameters("n"),
       function("trace", [](ArrayView<const double> m) { return m(0, 0) + m(1, 1); }).parameters("m"),
       function("row", [](ArrayView<const double> m) { return m[m.size() - 1]; })
           .parameters("m")
           .mapspec("m[i, :] -> row[i]")},
      {{"n", 3}});
  run.run(1);
  EXPECT_EQ(run.value("m").as<Array<double>>(), numbered<double>({3, 4}));
  EXPECT_EQ(run.value("trace").as<double>(), 5.0);
  EXPECT_EQ(run.value("row").as<std::vector<double>>(), (std::vector<double>{3, 7, 11}));
}

TEST(BlockRunnerShapes, elements_without_values) {
  LocalRun run({function("e", [](int) { return Array<double>(); }).parameters("x").mapspec("x[i] -> e[i, k]"),
                function("size", [](ArrayView<const double> e) { return e.size(); })
                    .parameters("e")
                    .mapspec("e[i, :] -> size[i]")},
               {{"x", {1, 2, 3}}});
  run.run(2);
  EXPECT_EQ(run.value("e").shape(), (Shape{3, 0}));
  EXPECT_EQ(run.value("size").as<std::vector<std::int64_t>>(), (std::vector<std::int64_t>{0, 0, 0}));
}

// Lengths 2, but 3 from element 4 on.
Function uneven() {
  const auto body = [](int x) { return Array<int>(Shape{x < 4 ? 2 : 3}); };
  return function("u", body).parameters("x").mapspec("x[i] -> u[i, k]");
}

TEST(BlockRunnerShapes, that_differ_within_a_block_fail_at_the_first_that_differs) {
  LocalRun run({uneven()}, {{"x", numbered<int>({8})}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("u", 1, 8);
  EXPECT_EQ(report.completed, 3);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->element, 4);
  EXPECT_EQ(report.failure->category, Category::internal_shape_mismatch);
  EXPECT_EQ(report.late_shapes, (std::vector<LateShape>{{run.output("u"), {2}}}));
  EXPECT_EQ(run.array("u").have(), (RangeSet{{1, 4}}));
}

TEST(BlockRunnerShapes, that_differ_between_blocks_fail_at_the_first_element) {
  LocalRun run({uneven()}, {{"x", numbered<int>({8})}});
  run.runner.prepare_wave(0, {});
  EXPECT_EQ(run.compute("u", 0, 2).completed, 2);
  const BlockReport report = run.compute("u", 5, 8);
  EXPECT_EQ(report.completed, 0);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->element, 5);
  EXPECT_EQ(report.failure->category, Category::internal_shape_mismatch);
  EXPECT_TRUE(contains(report.failure->message, "(3,)"));
  EXPECT_TRUE(contains(report.failure->message, "(2,)"));
  EXPECT_EQ(run.array("u").have(), (RangeSet{{0, 2}}));
}

TEST(BlockRunnerShapes, that_are_not_the_declared_ones_fail) {
  LocalRun run({powers({4})}, {{"x", numbered<int>({3})}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("p", 1, 3);
  EXPECT_EQ(report.completed, 0);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->element, 1);
  EXPECT_EQ(report.failure->category, Category::internal_shape_mismatch);
  EXPECT_TRUE(report.late_shapes.empty());
}

TEST(BlockRunnerShapes, of_another_rank_fail) {
  const auto body = [](int) { return Array<int>(Shape{2, 2}); };
  LocalRun run({function("p", body).parameters("x").mapspec("x[i] -> p[i, k]")}, {{"x", {1, 2}}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("p", 0, 2);
  EXPECT_EQ(report.completed, 0);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->category, Category::internal_shape_rank);
}

}  // namespace
}  // namespace mpipe
