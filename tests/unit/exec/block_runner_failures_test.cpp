// SPDX-License-Identifier: BSD-3-Clause
// Elements that fail: exactly the ones before them are complete.
#include "support/expect_error.hpp"
#include "unit/exec/local_run.hpp"

#include <stdexcept>
#include <tuple>

namespace mpipe {
namespace {

using test::contains;
using test::LocalRun;
using test::numbered;

Function mapped(const char* output, const char* input, int fails_at) {
  const auto body = [fails_at, output](int x) {
    if (x == fails_at) throw std::domain_error(std::string(output) + " fails");
    return x * 10;
  };
  return function(output, body).parameters(input).mapspec(std::string(input) + "[i] -> " + output + "[i]");
}

TEST(BlockRunnerFailure, completes_exactly_what_is_before) {
  for (Index begin = 0; begin < 8; ++begin) {
    for (Index end = begin + 1; end <= 8; ++end) {
      for (int fails_at = 0; fails_at < 8; ++fails_at) {
        LocalRun run({mapped("y", "x", fails_at)}, {{"x", numbered<int>({8})}});
        run.runner.prepare_wave(0, {});
        const BlockReport report = run.compute("y", begin, end);
        const bool fails = IndexRange{begin, end}.contains(fails_at);
        const Index completed = (fails ? fails_at : end) - begin;
        EXPECT_EQ(report.failure.has_value(), fails);
        EXPECT_EQ(report.completed, completed);
        EXPECT_EQ(run.array("y").have(), (RangeSet{{begin, begin + completed}}));
        EXPECT_EQ(run.runner.costs()[0].calls, completed + (fails ? 1 : 0));
        for (Index k = begin; k < begin + completed; ++k)
          EXPECT_EQ(decode<int>(run.array("y").piece({k, k + 1}).bytes), 10 * k);
      }
    }
  }
}

TEST(BlockRunnerFailure, is_described) {
  const auto body = [](double x, std::string name, ArrayView<const int> row, int y) -> double {
    if (y == 30) throw std::out_of_range("too far");
    return x + static_cast<double>(row.size() + static_cast<Index>(name.size()));
  };
  LocalRun run(
      {function("z", body).parameters("x", "name", "row", "y").mapspec("x[i], row[i, :], y[j] -> z[i, j]")},
      {{"x", {0.5, 1.5}}, {"name", "abc"}, {"row", numbered<int>({2, 4})}, {"y", {10, 20, 30}}}, nullptr,
      {.seed = 0, .place = CallPlace{"", 7, ""}, .host = "node7"});
  run.runner.prepare_wave(0, {});
  run.compute("z", 0, 2);
  const BlockReport report = run.compute("z", 3, 6);
  EXPECT_EQ(report.completed, 2);
  ASSERT_TRUE(report.failure.has_value());
  const Failure& failure = *report.failure;
  EXPECT_EQ(failure.output, "z");
  EXPECT_EQ(failure.element, 5);
  EXPECT_EQ(failure.index, (MultiIndex{1, 2}));
  EXPECT_EQ(failure.message, "too far");
  EXPECT_EQ(failure.type, "std::out_of_range");
  EXPECT_EQ(failure.category, Category::function_raised);
  EXPECT_EQ(failure.rank, 7);
  EXPECT_EQ(failure.host, "node7");
  EXPECT_EQ(failure.arguments, "x=1.5, name=\"abc\", row=array of int32, shape (4,), y=30");
}

TEST(BlockRunnerFailure, of_a_single_value_has_no_index) {
  LocalRun run(
      {function("y", [](int x) -> int { throw Error(Category::storage_failed, "of " + std::to_string(x)); })
           .parameters("x")},
      {{"x", 3}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("y", 0, 1);
  EXPECT_EQ(report.completed, 0);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_TRUE(report.failure->index.empty());
  EXPECT_EQ(report.failure->message, "of 3");
  EXPECT_EQ(report.failure->category, Category::function_raised);  // whatever the function calls it
  EXPECT_TRUE(run.array("y").have().empty());
}

TEST(BlockRunnerFailure, of_something_that_is_no_exception) {
  LocalRun run({function("y", [](int x) -> int { throw x; }).parameters("x").mapspec("x[i] -> y[i]")},
               {{"x", {3}}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("y", 0, 1);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_NE(report.failure->message, "");
}

// Functions of one stage: an element is complete when all of them are.
TEST(BlockRunnerFailure, within_a_stage) {
  for (int first = 0; first <= 8; ++first) {
    for (int second = 0; second <= 8; ++second) {
      LocalRun run({mapped("y", "x", first), mapped("z", "y", 10 * second)}, {{"x", numbered<int>({8})}});
      run.runner.prepare_wave(0, {});
      ASSERT_EQ(run.plan.stages().size(), 1U);
      const BlockReport report = run.compute("y", 1, 7);
      // The one that runs first does not know of the failure of the other.
      const auto stop = [](int fails_at, Index end) {
        return fails_at >= 1 && fails_at < end ? fails_at : end;
      };
      const Index completed = std::min(stop(first, 7), stop(second, 7)) - 1;
      EXPECT_EQ(report.completed, completed) << first << ", " << second;
      EXPECT_EQ(report.failure.has_value(), completed < 6);
      for (const char* output : {"y", "z"})
        EXPECT_TRUE(completed == 0 || run.array(output).have().contains(IndexRange{1, 1 + completed}));
      if (!report.failure) continue;
      // Of two that failed, the one that comes first in the order of outputs is told.
      const bool of_y = first >= 1 && first < 7;
      EXPECT_EQ(report.failure->element, of_y ? first : second);
      EXPECT_EQ(report.failure->message, std::string(of_y ? "y" : "z") + " fails");
    }
  }
}

TEST(BlockRunnerFailure, of_one_that_reads_another_of_its_stage) {
  LocalRun run({mapped("y", "x", -1), mapped("z", "y", 40)}, {{"x", numbered<int>({8})}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("z", 2, 8);
  EXPECT_EQ(report.completed, 2);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->output, "z");
  EXPECT_EQ(report.failure->element, 4);
  EXPECT_EQ(report.failure->arguments, "y=40");
}

// An object that cannot be written: the failure comes when another output of the element was kept already.
struct Unwritable {
  int number = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    if (number == 3) throw std::runtime_error("not to be written");
    archive& number;
  }
};

TEST(BlockRunnerFailure, keeps_nothing_of_the_element_that_failed) {
  const auto body = [](int x) {
    return std::tuple(x, std::string(static_cast<std::size_t>(x), 'x'), Unwritable{x});
  };
  LocalRun run({function({"number", "text", "object"}, body)
                    .parameters("x")
                    .mapspec("x[i] -> number[i], text[i], object[i]")},
               {{"x", numbered<int>({5})}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("text", 1, 5);
  EXPECT_EQ(report.completed, 2);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->message, "not to be written");
  for (const char* output : {"number", "text", "object"})
    EXPECT_EQ(run.array(output).have(), (RangeSet{{1, 3}})) << output;
  EXPECT_EQ(run.value("text").as<std::vector<std::string>>(),
            (std::vector<std::string>{"", "x", "xx", "", ""}));
}

TEST(BlockRunnerFailure, of_a_shape_keeps_nothing_of_the_element) {
  const auto body = [](int x) {
    return std::tuple(Array<int>{x, x}, std::vector<std::string>(x == 3 ? 5 : 2, std::to_string(x)));
  };
  LocalRun run({function({"pair", "names"}, body).parameters("x").mapspec("x[i] -> pair[i, k], names[i, k]")},
               {{"x", numbered<int>({5})}});
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("pair", 0, 5);
  EXPECT_EQ(report.completed, 3);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->category, Category::function_raised);
  EXPECT_TRUE(contains(report.failure->message, "(2,) for 'pair' and (5,) for 'names'"));
  for (const char* output : {"pair", "names"})
    EXPECT_EQ(run.array(output).have(), (RangeSet{{0, 3}})) << output;
  EXPECT_EQ(run.value("pair").as<Array<int>>(),
            (Array<int>({5, 2}, std::vector<int>{0, 0, 1, 1, 2, 2, 0, 0, 0, 0}.begin())));
}

// What was computed is told to the sink, and nothing else.
TEST(BlockRunnerFailure, is_not_told_to_the_sink) {
  test::NotingSink sink;
  LocalRun run({mapped("y", "x", 4), mapped("z", "y", 10)}, {{"x", numbered<int>({8})}}, &sink);
  run.runner.prepare_wave(0, {});
  const BlockReport report = run.compute("y", 0, 8);
  EXPECT_EQ(report.completed, 1);
  EXPECT_EQ(sink.notes,
            (std::vector<test::NotingSink::Note>{{run.output("y"), {0, 4}}, {run.output("z"), {0, 1}}}));
  EXPECT_EQ(report.journal_bytes, 2000U);
  EXPECT_EQ(run.compute("y", 4, 6).completed, 0);
  EXPECT_EQ(sink.notes.size(), 2U);
}

}  // namespace
}  // namespace mpipe
