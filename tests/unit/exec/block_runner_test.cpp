// SPDX-License-Identifier: BSD-3-Clause
// Functions over blocks: what they see as arguments, and where their results go. Every case runs in blocks of
// several sizes, which must make no difference.
#include "unit/data/particle.hpp"
#include "unit/exec/local_run.hpp"

#include <complex>
#include <latch>
#include <numeric>
#include <set>
#include <thread>
#include <tuple>

namespace mpipe {
namespace {

using test::LocalRun;
using test::numbered;
using test::numbered_texts;
using test::Particle;

class BlockRunnerTest : public ::testing::TestWithParam<Index> {
 protected:
  // Runs a pipeline in blocks of the size of this case.
  std::unique_ptr<LocalRun> run(std::vector<Function> functions, Inputs inputs) const {
    auto run = std::make_unique<LocalRun>(std::move(functions), std::move(inputs));
    run->run(GetParam());
    return run;
  }
};

INSTANTIATE_TEST_SUITE_P(BlockSizes, BlockRunnerTest, ::testing::Values(1, 2, 5, 1000));

double weighted_sum(ArrayView<const double> values) {
  double sum = 0;
  for (Index k = 0; k < values.size(); ++k) sum += values[k] * static_cast<double>(k + 1);
  return sum;
}

TEST_P(BlockRunnerTest, one_call_per_element) {
  const auto done = run({function("z", [](double x, double y) { return 10 * x + y; })
                             .parameters("x", "y")
                             .mapspec("x[i], y[j] -> z[i, j]")},
                        {{"x", {1.0, 2.0, 3.0}}, {"y", {0.0, 1.0, 2.0, 3.0}}});
  const auto z = done->value("z").as<Array<double>>();
  ASSERT_EQ(z.shape(), (Shape{3, 4}));
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 4; ++j)
      EXPECT_EQ(z(i, j), 10.0 * static_cast<double>(i + 1) + static_cast<double>(j));
}

TEST_P(BlockRunnerTest, values_that_all_elements_share) {
  const auto done =
      run({function("z", [](double x, std::string unit,
                            double scale) { return std::to_string(static_cast<int>(x * scale)) + unit; })
               .parameters("x", "unit", "scale")
               .mapspec("x[i] -> z[i]")},
          {{"x", {1.0, 2.0, 3.0}}, {"unit", "mm"}, {"scale", 10.0}});
  EXPECT_EQ(done->value("z").as<std::vector<std::string>>(),
            (std::vector<std::string>{"10mm", "20mm", "30mm"}));
}

// Rows are dense in memory, columns and planes are not; both of an input and of an output of an earlier wave.
TEST_P(BlockRunnerTest, slices) {
  const Array<double> cube = numbered<double>({3, 4, 5});
  for (const bool computed : {false, true}) {
    std::vector<Function> functions{
        function("row", weighted_sum).parameters("a").mapspec("a[i, j, :] -> row[i, j]"),
        function("column", weighted_sum).parameters("a").mapspec("a[:, j, k] -> column[j, k]"),
        function("middle", weighted_sum).parameters("a").mapspec("a[i, :, k] -> middle[i, k]"),
        function("plane", weighted_sum).parameters("a").mapspec("a[:, j, :] -> plane[j]"),
        function("slab", weighted_sum).parameters("a").mapspec("a[:, :, k] -> slab[k]"),
        function("all", weighted_sum).parameters("a")};
    Inputs inputs{{"a", cube}};
    if (computed) {
      functions.push_back(
          function("a", [](double x) { return x; }).parameters("x").mapspec("x[i, j, k] -> a[i, j, k]"));
      inputs = {{"x", cube}};
    }
    const auto done = run(functions, inputs);
    const auto row = done->value("row").as<Array<double>>();
    const auto column = done->value("column").as<Array<double>>();
    const auto middle = done->value("middle").as<Array<double>>();
    for (Index i = 0; i < 3; ++i) {
      for (Index j = 0; j < 4; ++j) {
        double expected = 0;
        for (Index k = 0; k < 5; ++k) expected += cube(i, j, k) * static_cast<double>(k + 1);
        EXPECT_EQ(row(i, j), expected);
      }
    }
    for (Index k = 0; k < 5; ++k) {
      for (Index j = 0; j < 4; ++j) {
        double expected = 0;
        for (Index i = 0; i < 3; ++i) expected += cube(i, j, k) * static_cast<double>(i + 1);
        EXPECT_EQ(column(j, k), expected);
      }
      for (Index i = 0; i < 3; ++i) {
        double expected = 0;
        for (Index j = 0; j < 4; ++j) expected += cube(i, j, k) * static_cast<double>(j + 1);
        EXPECT_EQ(middle(i, k), expected);
      }
      double expected = 0;
      for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 4; ++j) expected += cube(i, j, k) * static_cast<double>(4 * i + j + 1);
      EXPECT_EQ(done->value("slab").as<Array<double>>()(k), expected);
    }
    for (Index j = 0; j < 4; ++j) {
      double expected = 0;
      for (Index i = 0; i < 3; ++i)
        for (Index k = 0; k < 5; ++k) expected += cube(i, j, k) * static_cast<double>(5 * i + k + 1);
      EXPECT_EQ(done->value("plane").as<Array<double>>()(j), expected);
    }
    EXPECT_EQ(done->value("all").as<double>(), weighted_sum(cube.view()));
  }
}

TEST_P(BlockRunnerTest, slices_of_what_varies_in_size) {
  const Array<std::string> texts = numbered_texts({3, 4});
  const auto joined = [](ArrayView<const std::string> view) {
    return std::accumulate(view.begin(), view.end(), std::string());
  };
  for (const bool computed : {false, true}) {
    std::vector<Function> functions{
        function("row", joined).parameters("a").mapspec("a[i, :] -> row[i]"),
        function("column", joined).parameters("a").mapspec("a[:, j] -> column[j]")};
    Inputs inputs{{"a", texts}};
    if (computed) {
      functions.push_back(
          function("a", [](std::string x) { return x; }).parameters("x").mapspec("x[i, j] -> a[i, j]"));
      inputs = {{"x", texts}};
    }
    const auto done = run(functions, inputs);
    const auto row = done->value("row").as<std::vector<std::string>>();
    const auto column = done->value("column").as<std::vector<std::string>>();
    for (Index i = 0; i < 3; ++i)
      EXPECT_EQ(row[static_cast<std::size_t>(i)], texts(i, 0) + texts(i, 1) + texts(i, 2) + texts(i, 3));
    for (Index j = 0; j < 4; ++j)
      EXPECT_EQ(column[static_cast<std::size_t>(j)], texts(0, j) + texts(1, j) + texts(2, j));
  }
}

// Other orders of the axes, within a stage and between waves.
TEST_P(BlockRunnerTest, transposes) {
  const auto same = [](double x) { return x; };
  const auto difference = [](double a, double b) { return a - b; };
  const Array<double> x = numbered<double>({3, 4});
  const auto done =
      run({function("y", same).parameters("x").mapspec("x[i, j] -> y[j, i]"),
           function("back", same).parameters("y").mapspec("y[j, i] -> back[i, j]"),
           function("zero", difference).parameters("back", "x").mapspec("back[i, j], x[i, j] -> zero[j, i]"),
           function("upper", difference).parameters("x", "y").mapspec("x[i, j], y[j, i] -> upper[i, j]")},
          {{"x", x}});
  const auto y = done->value("y").as<Array<double>>();
  ASSERT_EQ(y.shape(), (Shape{4, 3}));
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 4; ++j) EXPECT_EQ(y(j, i), x(i, j));
  EXPECT_EQ(done->value("back").as<Array<double>>(), x);
  EXPECT_EQ(done->value("zero").as<Array<double>>(), Array<double>(Shape{4, 3}));
  EXPECT_EQ(done->value("upper").as<Array<double>>(), Array<double>(Shape{3, 4}));
}

TEST_P(BlockRunnerTest, chains_within_a_stage) {
  const auto done = run(
      {function("b", [](int a) { return a * 2; }).parameters("a").mapspec("a[i] -> b[i]"),
       function("c", [](int b) { return std::string(static_cast<std::size_t>(b), 'c'); })
           .parameters("b")
           .mapspec("b[i] -> c[i]"),
       function("d", [](std::string c, double b) { return static_cast<double>(c.size()) + b / 10; })
           .parameters("c", "b")  // b as another type than it was made
           .mapspec("c[i], b[i] -> d[i]"),
       function("p",
                [](double d) {
                  return Particle{"p", {d}, 1};
                })
           .parameters("d")
           .mapspec("d[i] -> p[i]"),
       function("q", [](Particle p) { return p.position.at(0); }).parameters("p").mapspec("p[i] -> q[i]")},
      {{"a", {0, 1, 2, 3, 4, 5}}});
  ASSERT_EQ(done->plan.stages().size(), 1U);
  EXPECT_EQ(done->value("d").as<std::vector<double>>(), (std::vector<double>{0, 2.2, 4.4, 6.6, 8.8, 11}));
  EXPECT_EQ(done->value("q").as<std::vector<double>>(), (std::vector<double>{0, 2.2, 4.4, 6.6, 8.8, 11}));
  EXPECT_EQ(done->value("c").as<std::vector<std::string>>()[2], "cccc");
}

// An edge from a narrower type to a wider one, over all ways that an argument can take.
TEST_P(BlockRunnerTest, converts_on_edges) {
  const auto make = [](std::int32_t x) { return x + 1; };
  const auto done =
      run({function("n", make).parameters("x").mapspec("x[i, j] -> n[i, j]"),
           function("half", [](double n) { return n / 2; }).parameters("n").mapspec("n[i, j] -> half[i, j]"),
           function("sum", weighted_sum).parameters("n").mapspec("n[:, j] -> sum[j]"),
           function("one", [] { return std::int16_t{3}; }),
           function("more", [](double one, double n) { return one + n; })
               .parameters("one", "n")
               .mapspec("n[i, j] -> more[i, j]")},
          {{"x", numbered<std::int32_t>({2, 3})}});
  EXPECT_EQ(done->value("half").as<Array<double>>()(1, 2), 3.0);
  EXPECT_EQ(done->value("sum").as<std::vector<double>>(),
            (std::vector<double>{1 + 2 * 4, 2 + 2 * 5, 3 + 2 * 6}));
  EXPECT_EQ(done->value("more").as<Array<double>>()(1, 2), 9.0);
}

TEST_P(BlockRunnerTest, several_outputs) {
  struct Split {
    double number;
    std::string text;
    Array<int> items;
  };
  const auto split = [](int x) {
    return Split{x / 2.0, std::string(static_cast<std::size_t>(x), 'x'), Array<int>{x, -x}};
  };
  const auto done =
      run({function({"number", "text", "items"}, split)
               .parameters("x")
               .mapspec("x[i] -> number[i], text[i], items[i]"),
           function("both", [](std::string text, double number) { return text + std::to_string(number); })
               .parameters("text", "number")
               .mapspec("text[i], number[i] -> both[i]"),
           function("second", [](ArrayView<const int> items) { return items[1]; })
               .parameters("items")
               .mapspec("items[i] -> second[i]")},
          {{"x", {0, 1, 2, 3, 4}}});
  EXPECT_EQ(done->value("number").as<std::vector<double>>(), (std::vector<double>{0, 0.5, 1, 1.5, 2}));
  EXPECT_EQ(done->value("text").as<std::vector<std::string>>(),
            (std::vector<std::string>{"", "x", "xx", "xxx", "xxxx"}));
  EXPECT_EQ(done->value("items").as<std::vector<Array<int>>>()[3], (Array<int>{3, -3}));
  EXPECT_EQ(done->value("both").as<std::vector<std::string>>()[1], "x0.500000");
  EXPECT_EQ(done->value("second").as<std::vector<int>>(), (std::vector<int>{0, -1, -2, -3, -4}));
}

TEST_P(BlockRunnerTest, every_type_of_value) {
  const auto check = [&](auto sample) {
    using T = decltype(sample);
    const auto done =
        run({function("y", [sample](int) { return sample; }).parameters("x").mapspec("x[i] -> y[i]"),
             function("z", [](T y) { return y; }).parameters("y").mapspec("y[i] -> z[i]"),
             function("w", [](ArrayView<const T> z) { return z[3]; }).parameters("z")},
            {{"x", {1, 2, 3, 4, 5}}});
    EXPECT_TRUE(done->value("y").template as<std::vector<T>>() == std::vector<T>(5, sample))
        << element_type<T>().name;
    EXPECT_TRUE(done->value("z").template as<std::vector<T>>() == std::vector<T>(5, sample))
        << element_type<T>().name;
    EXPECT_TRUE(done->value("w").template as<T>() == sample) << element_type<T>().name;
  };
  check(true);
  check(std::int8_t{-3});
  check(std::uint64_t{1} << 63);
  check(2.5f);
  check(2.5);
  check(std::complex<double>(1, -2));
  check(std::string("größer"));
  check(Particle{"p", {1, 2}, 3});
}

// The numbers of an element do not depend on its block.
TEST_P(BlockRunnerTest, random_numbers_belong_to_the_element) {
  const auto draw = [](double x, Random random) { return x + random.uniform(); };
  const auto functions = [&] {
    return std::vector<Function>{function("y", draw).parameters("x").mapspec("x[i] -> y[i]")};
  };
  const Inputs inputs{{"x", linspace(0, 1, 17)}};
  const auto done = run(functions(), inputs);
  LocalRun whole(functions(), inputs);
  whole.run(17);
  EXPECT_EQ(done->value("y"), whole.value("y"));
  LocalRun other(functions(), inputs, nullptr, {.seed = 1});
  other.run(17);
  EXPECT_FALSE(done->value("y") == other.value("y"));
}

TEST(BlockRunner, tells_what_it_cost) {
  LocalRun run({function("y", [](double x) { return x; }).parameters("x").mapspec("x[i] -> y[i]"),
                function("z", [](ArrayView<const double> y) { return y.size(); }).parameters("y")},
               {{"x", linspace(0, 1, 10)}});
  run.run(3);
  ASSERT_EQ(run.runner.costs().size(), 2U);
  EXPECT_EQ(run.runner.costs()[0].calls, 10);
  EXPECT_EQ(run.runner.costs()[1].calls, 1);
  EXPECT_GE(run.runner.costs()[0].busy, Duration::zero());
  EXPECT_EQ(run.value("z").as<std::int64_t>(), 10);
}

// Blocks of one wave in several threads at once: with values in place, values that vary in size, and
// conversions.
void compute_in_threads(Index count) {
  const auto pair = [](int a) { return Array<int>{a, a + 1}; };
  LocalRun run(
      {function("b", [](int a) { return a * 2; }).parameters("a").mapspec("a[i] -> b[i]"),
       function("c", [](double b) { return std::to_string(b); }).parameters("b").mapspec("b[i] -> c[i]"),
       function("d", [](std::string c) { return std::stod(c); }).parameters("c").mapspec("c[i] -> d[i]"),
       function("e", pair).parameters("a").mapspec("a[i] -> e[i, k]")},
      {{"a", numbered<int>({count})}}, nullptr, {.single_thread = false});
  run.runner.prepare_wave(0, {});
  const auto stages = run.plan.stages_of_wave(0);
  std::vector<std::thread> threads;
  std::atomic<Index> completed{0};
  std::latch together(4);
  for (Index first = 0; first < 4; ++first) {
    threads.emplace_back([&, first] {
      together.arrive_and_wait();
      for (Index begin = first * 5; begin < count; begin += 20)
        for (const StageId stage : stages)
          completed += compute_guarded(run.runner, {.id = 1, .stage = stage, .range = {begin, begin + 5}}, {})
                           .completed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(completed.load(), count * static_cast<Index>(stages.size()));
  const auto d = run.value("d").as<std::vector<double>>();
  for (Index k = 0; k < count; ++k) ASSERT_EQ(d[static_cast<std::size_t>(k)], 2.0 * static_cast<double>(k));
  EXPECT_EQ(run.value("e").as<Array<int>>()(count - 1, 1), count);
  EXPECT_EQ(run.array("c").have(), (RangeSet{{0, count}}));
}

TEST(BlockRunner, computes_in_several_threads) {
  for (int round = 0; round < 30; ++round) ASSERT_NO_FATAL_FAILURE(compute_in_threads(4000));
}

}  // namespace
}  // namespace mpipe
