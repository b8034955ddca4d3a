// SPDX-License-Identifier: BSD-3-Clause
// Maps in memory: values, errors and options, on any number of ranks.
#include <mpipe/mpipe.hpp>

#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <complex>
#include <numeric>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::world;

Results run(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options = {}) {
  return map(pipeline, world(), inputs, options);
}

/// The value of an output on every rank: results are on rank 0 only.
template <class T>
std::vector<T> values_of(const Results& results, const std::string& output) {
  const std::vector<std::byte> wire =
      world().broadcast(world().is_root() ? results.value(output).to_wire() : std::vector<std::byte>());
  const Value value = Value::from_wire(wire);
  std::vector<T> values;
  for (Index k = 0; k < value.count(); ++k) values.push_back(decode<T>(value.element(k)));
  return values;
}

Pipeline chain() {
  return {function("c", [](double a, double b) { return a + 10 * b; })
              .parameters("a", "b")
              .mapspec("a[i], b[j] -> c[j, i]"),
          function("d", [](double c) { return 2 * c; }).parameters("c").mapspec("c[j, i] -> d[j, i]"),
          function("s",
                   [](ArrayView<const double> d) {
                     double sum = 0;
                     for (const double value : d) sum = sum / 2 + value;  // depends on the order
                     return sum;
                   })
              .parameters("d")
              .mapspec("d[:, i] -> s[i]")};
}

TEST(Map, ChainsReductionsAndPermutedAxes) {
  const Results results = run(chain(), {{"a", {1.0, 2.0, 3.0}}, {"b", {4.0, 5.0}}});
  EXPECT_EQ(values_of<double>(results, "c"), (std::vector<double>{41, 42, 43, 51, 52, 53}));
  EXPECT_EQ(values_of<double>(results, "s"), (std::vector<double>{82 / 2 + 102, 84 / 2 + 104, 86 / 2 + 106}));
  EXPECT_EQ(results.functions.at("c").calls, 6);
  EXPECT_EQ(results.functions.at("s").calls, 3);
  EXPECT_EQ(results.at("c").done, (RangeSet{IndexRange{0, 6}}));
  EXPECT_EQ(results.ranks, world().size());
}

TEST(Map, SameBytesWithEveryExecutorAndBlockSize) {
  const Pipeline pipeline{function("noise", [](double x, Random random) { return x + random.uniform(); })
                              .parameters("x")
                              .mapspec("x[i] -> noise[i]")
                              .thread_safe(),
                          function("mean",
                                   [](ArrayView<const double> noise) {
                                     double sum = 0;
                                     for (const double value : noise) sum += value;
                                     return sum;
                                   })
                              .parameters("noise")
                              .thread_safe()};
  const Inputs inputs{{"x", linspace(0, 1, 500)}};
  MapOptions sequential;
  sequential.executor = {{"", "sequential"}};
  sequential.seed = 7;
  const auto expected = values_of<double>(run(pipeline, inputs, sequential), "noise");
  const auto mean = values_of<double>(run(pipeline, inputs, sequential), "mean");
  for (const char* executor : {"sequential", "threads:3", "mpi"})
    for (const Index block : {0, 1, 7, 1000})
      for (const Rank0 rank0 : {Rank0::automatic, Rank0::work, Rank0::schedule}) {
        MapOptions options = sequential;
        options.executor = {{"", executor}};
        options.rank0 = rank0;
        if (block > 0) options.chunksizes = {{"", block}};
        const Results results = run(pipeline, inputs, options);
        EXPECT_EQ(values_of<double>(results, "noise"), expected) << executor << " " << block;
        EXPECT_EQ(values_of<double>(results, "mean"), mean) << executor << " " << block;
      }
}

TEST(Map, OtherSeedOtherNumbers) {
  const Pipeline pipeline{function("noise", [](double x, Random random) { return x + random.uniform(); })
                              .parameters("x")
                              .mapspec("x[i] -> noise[i]")};
  MapOptions options;
  const auto first = values_of<double>(run(pipeline, {{"x", {0.0, 0.0}}}, options), "noise");
  options.seed = 1;
  const auto second = values_of<double>(run(pipeline, {{"x", {0.0, 0.0}}}, options), "noise");
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(first[0], second[0]);
}

TEST(Map, ValuesOfManyTypes) {
  using Complex = std::complex<double>;
  const Pipeline pipeline{
      function("big", [](std::int64_t n) { return n * 1'000'000'007; })
          .parameters("n")
          .mapspec("n[i] -> big[i]"),
      function("text", [](std::int64_t n) { return std::string(static_cast<std::size_t>(n), 'x'); })
          .parameters("n")
          .mapspec("n[i] -> text[i]"),
      function("long_text", [](const std::string& text) { return text + "!"; })
          .parameters("text")
          .mapspec("text[i] -> long_text[i]"),
      function("odd", [](std::int64_t n) { return n % 2 == 1; }).parameters("n").mapspec("n[i] -> odd[i]"),
      function("turn", [](std::int64_t n) { return Complex(0, static_cast<double>(n)); })
          .parameters("n")
          .mapspec("n[i] -> turn[i]"),
      function("all", [](ArrayView<const std::string> text) {
        return static_cast<std::int64_t>(text.size());
      }).parameters("text")};
  const Results results =
      run(pipeline, {{"n", {std::int64_t{3}, std::int64_t{0}, std::int64_t{9'000'000'000} / 1'000'000'000}}});
  EXPECT_EQ(values_of<std::int64_t>(results, "big"),
            (std::vector<std::int64_t>{3'000'000'021, 0, 9'000'000'063}));
  EXPECT_EQ(values_of<std::string>(results, "long_text"),
            (std::vector<std::string>{"xxx!", "!", "xxxxxxxxx!"}));
  EXPECT_EQ(values_of<bool>(results, "odd"), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(values_of<Complex>(results, "turn"), (std::vector<Complex>{{0, 3}, {0, 0}, {0, 9}}));
  EXPECT_EQ(values_of<std::int64_t>(results, "all"), (std::vector<std::int64_t>{3}));
}

TEST(Map, InternalAxesAndGeneratorsOfUnknownSize) {
  const Pipeline pipeline{
      function("x", [](std::int64_t n) { return std::vector<double>(static_cast<std::size_t>(n), 1.5); })
          .parameters("n")
          .mapspec("... -> x[i]"),
      function("pair",
               [](double x) {
                 return std::vector<double>{x, 2 * x};
               })
          .parameters("x")
          .mapspec("x[i] -> pair[i, k]"),
      function("sum",
               [](ArrayView<const double> pair) {
                 double sum = 0;
                 for (const double value : pair) sum += value;
                 return sum;
               })
          .parameters("pair")
          .mapspec("pair[:, k] -> sum[k]")};
  const Results results = run(pipeline, {{"n", std::int64_t{4}}});
  EXPECT_EQ(values_of<double>(results, "sum"), (std::vector<double>{6, 12}));
  EXPECT_EQ(results.planned_shapes.at("pair"), (PartialShape{std::nullopt, std::nullopt}));
  EXPECT_EQ(results.resolved_shapes.at("pair"), (PartialShape{4, 2}));
}

TEST(Map, EmptyAxes) {
  const Results results = run(chain(), {{"a", std::vector<double>{}}, {"b", {4.0, 5.0}}});
  EXPECT_EQ(values_of<double>(results, "c").size(), 0u);
  EXPECT_EQ(results.resolved_shapes.at("c"), (PartialShape{2, 0}));
}

TEST(Map, SelectionsComputeTheirElementsOnly) {
  MapOptions options;
  options.fixed = {{"i", Index{-1}}};
  const Pipeline pipeline{function("y", [](double x, double z) { return x + z; })
                              .parameters("x", "z")
                              .mapspec("x[i], z[j] -> y[i, j]")};
  const Results results = run(pipeline, {{"x", {1.0, 2.0, 3.0}}, {"z", {10.0, 20.0}}}, options);
  EXPECT_EQ(results.at("y").done, (RangeSet{IndexRange{4, 6}}));
  EXPECT_EQ(results.functions.at("y").calls, 2);
  EXPECT_EQ(results.at("y").mask(), (std::vector<bool>{false, false, false, false, true, true}));
}

TEST(Map, FailureOfOneElementIsToldAlikeOnAllRanks) {
  const Pipeline pipeline{function("y",
                                   [](double x) {
                                     if (x == 37) throw std::runtime_error("37 is not a number I like");
                                     return x;
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")};
  std::string text;
  try {
    run(pipeline, {{"x", linspace(0, 99, 100)}});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const FunctionError& error) {
    text = error.what();
    EXPECT_EQ(error.category(), Category::function_raised);
    EXPECT_EQ(error.failures().front().element, 37);
    EXPECT_EQ(error.failures().front().index, MultiIndex{37});
    EXPECT_EQ(error.failures().front().message, "37 is not a number I like");
    EXPECT_TRUE(contains(error.failures().front().arguments, "x=37"));
    EXPECT_FALSE(error.partial().at("y").done.contains(37));
  }
  EXPECT_EQ(world().broadcast_text(text), text);
}

TEST(Map, WrongInputsAreRefusedBeforeAnyBodyRuns) {
  static int calls = 0;
  const Pipeline pipeline{function("y",
                                   [](double x) {
                                     ++calls;
                                     return x;
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")};
  error_message(Category::missing_input, [&] { run(pipeline, {}); });
  error_message(Category::extra_input, [&] { run(pipeline, {{"x", {1.0}}, {"z", 1.0}}); });
  error_message(Category::not_an_array, [&] { run(pipeline, {{"x", 1.0}}); });
  error_message(Category::unknown_output, [&] { run(pipeline, {{"x", {1.0}}}, {.outputs = {"q"}}); });
  error_message(Category::unknown_storage, [&] {
    run(pipeline, {{"x", {1.0}}}, {.storage = {{"", "zip"}}});
  });
  error_message(Category::bad_chunksize, [&] { run(pipeline, {{"x", {1.0}}}, {.chunksizes = {{"", -1}}}); });
  error_message(Category::bad_option, [&] { run(pipeline, {{"x", {1.0}}}, {.executor = {{"", "cloud"}}}); });
  error_message(Category::bad_option, [&] { run(pipeline, {{"x", {1.0}}}, {.error_handling = "go on"}); });
  error_message(Category::bad_option, [&] { run(pipeline, {{"x", {1.0}}}, {.max_failures = 3}); });
  error_message(Category::bad_option, [&] { run(pipeline, {{"x", {1.0}}}, {.retries = -1}); });
  error_message(Category::bad_option, [&] { run(pipeline, {{"x", {1.0}}}, {.retry_failed = true}); });
  EXPECT_EQ(calls, 0);
}

TEST(Map, InputsAndOptionsAreThoseOfRankZero) {
  const Pipeline pipeline{function("y", [](double x) { return x; }).parameters("x").mapspec("x[i] -> y[i]")};
  const Inputs inputs{{"x", {100.0 + world().rank(), 1.0}}};
  MapOptions options;
  options.seed = static_cast<std::uint64_t>(world().rank());
  EXPECT_EQ(values_of<double>(run(pipeline, inputs, options), "y"), (std::vector<double>{100, 1}));
}

TEST(Map, RanksThatBringDifferentPipelinesAreRefused) {
  const std::string spec = world().rank() == 1 ? "x[j] -> y[j]" : "x[i] -> y[i]";
  const Pipeline pipeline{function("y", [](double x) { return x; }).parameters("x").mapspec(spec)};
  const auto attempt = [&] { run(pipeline, {{"x", {1.0}}}); };
  if (world().size() == 1) {
    EXPECT_NO_THROW(attempt());
  } else {
    EXPECT_TRUE(contains(error_message(Category::bad_option, attempt), "different pipelines"));
  }
}

double square(double x) { return x * x; }
double cube(double x) { return x * x * x; }

TEST(Map, RanksThatBringOtherCodeOfOneNameAreRefused) {
  const bool odd = world().rank() == 1;
  const double factor = odd ? 3 : 2;
  const auto spec = [](Function function) { return function.parameters("x").mapspec("x[i] -> y[i]"); };
  const auto other_code = [&] {
    run(Pipeline{function("w", square).parameters("x"), spec(function("y", odd ? cube : square))},
        {{"x", {1.0}}});
  };
  const auto other_capture = [&] {
    run(Pipeline{spec(function("y", [factor](double x) { return factor * x; }))}, {{"x", {1.0}}});
  };
  // What a reference leads to lies elsewhere on each rank.
  const auto own = std::make_unique<double>(2.0);
  const auto reference = [&] {
    run(Pipeline{spec(function("y", [&value = *own](double x) { return value * x; }))}, {{"x", {1.0}}});
  };
  EXPECT_NO_THROW(reference());
  if (world().size() == 1) {
    EXPECT_NO_THROW(other_code());
    return;
  }
  for (const std::function<void()>& attempt :
       {std::function<void()>(other_code), std::function<void()>(other_capture)})
    EXPECT_TRUE(contains(error_message(Category::bad_option, attempt), "'y' (on rank 1)"));
}

/// An output of integers that a function takes as floating point numbers, in the same block.
TEST(Map, AnArgumentThatIsNoValueOfItsTypeFailsThatElement) {
  const Pipeline pipeline{
      function("n", [](std::int64_t x) { return x == 37 ? (std::int64_t{1} << 53) + 1 : x; })
          .parameters("x")
          .mapspec("x[i] -> n[i]"),
      function("y", [](double n) { return 2 * n; }).parameters("n").mapspec("n[i] -> y[i]")};
  std::vector<std::int64_t> x(100);
  std::iota(x.begin(), x.end(), 0);
  const std::string message = error_message(Category::type_mismatch, [&] { run(pipeline, {{"x", x}}); });
  EXPECT_TRUE(contains(message, "an argument of 'y' at [37]: the value 9007199254740993"));
  const Results results = run(pipeline, {{"x", x}}, {.error_handling = "continue"});
  if (!world().is_root()) return;
  EXPECT_EQ(results.at("y").failed, (RangeSet{{37, 38}}));
}

TEST(Map, ManyRunsOneAfterTheOther) {
  for (int k = 0; k < 50; ++k) {
    const Results results = run(chain(), {{"a", {1.0 * k}}, {"b", {4.0}}});
    EXPECT_EQ(values_of<double>(results, "c"), (std::vector<double>{40.0 + k}));
  }
}

}  // namespace
}  // namespace mpipe
