// SPDX-License-Identifier: BSD-3-Clause
// One function in the place of several: its names, its mapspec, and its body over blocks.
#include "simple_functions.hpp"
#include "support/expect_error.hpp"

#include <cmath>
#include <stdexcept>

namespace mpipe::test {
namespace {

const FunctionNode& nested_in(const Pipeline& pipeline, const std::string& output) {
  return pipeline.function(pipeline.producer_of(output));
}

/// y = x - 2 b, z = y + 1, both over x[i].
std::vector<Function> mapped() {
  return {combined("y", "x", "b").mapspec("x[i] -> y[i]").defaults({{"b", 1.0}}).attribute("y", "units", "m"),
          plus_one("z", "y").mapspec("y[i] -> z[i]")};
}

TEST(Nest, IsIsolatedWhenOneOfThemIs) {
  const Pipeline pipeline(mapped());
  EXPECT_EQ(pipeline.nest({"*"}).functions()[0].function.isolation(), Isolation::none);
  const Pipeline isolated = pipeline.isolate({"z"});
  EXPECT_EQ(isolated.functions()[0].function.isolation(), Isolation::none);
  EXPECT_EQ(isolated.functions()[1].function.isolation(), Isolation::process);
  EXPECT_EQ(isolated.nest({"*"}).functions()[0].function.isolation(), Isolation::process);
  error_message(Category::unknown_output, [&] { (void)pipeline.isolate({"x"}); });
}

TEST(Nest, KeepsAllOutputsOrSome) {
  const Pipeline pipeline(mapped());
  EXPECT_EQ(pipeline.nest({"*"}).mapspecs(), Names{"x[i] -> y[i], z[i]"});
  EXPECT_EQ(pipeline.nest({"z", "y"}).mapspecs(), Names{"x[i] -> y[i], z[i]"}) << "producers first";
  EXPECT_EQ(pipeline.nest({"y", "z"}, {"z"}).mapspecs(), Names{"x[i] -> z[i]"});
  EXPECT_EQ(pipeline.nest({"*"}, {"z", "y"}).mapspecs(), Names{"x[i] -> z[i], y[i]"});
  error_message(Category::unknown_output, [&] { (void)pipeline.nest({"*"}, {"x"}); });
  error_message(Category::unknown_output, [&] { (void)pipeline.nest({"y", "q"}); });
}

TEST(Nest, ParametersAreSortedAndKeepTheirDefaults) {
  const Pipeline nested = Pipeline(mapped()).nest({"*"});
  EXPECT_EQ(nested_in(nested, "z").function.parameter_names(), (Names{"b", "x"}));
  EXPECT_EQ(nested.defaulted_args(), Names{"b"});
  EXPECT_EQ(nested_in(nested, "z").function.attributes().at("y").at("units"), "m");
}

TEST(Nest, RunsTheBodiesInside) {
  const Pipeline nested = Pipeline(mapped()).nest({"*"});
  const auto values = nested.run(Names{"y", "z"}, {{"x", 5.0}});
  EXPECT_EQ(values[0].as<double>(), 3.0);
  EXPECT_EQ(values[1].as<double>(), 4.0);
}

TEST(Nest, WhatIsNotKeptBecomesAnInputOfOthers) {
  auto functions = mapped();
  functions.push_back(total("s", "y"));
  EXPECT_EQ(Pipeline(functions).nest({"y", "z"}, {"z"}).root_args(), (Names{"b", "x", "y"}));
}

TEST(Nest, RefusesReductionsAndOtherAxes) {
  const Pipeline whole{combined("y", "x", "b").mapspec("x[i] -> y[i]"), total("s", "y")};
  error_message(Category::nest_mapspec, [&] { (void)whole.nest({"y", "s"}); });
  const Pipeline beside{plus_one("y", "x").mapspec("x[i] -> y[i]"),
                        function("z", [](double x, ArrayView<const double> y) { return x + y[0]; })
                            .parameters("x", "y")
                            .mapspec("x[i] -> z[i]")};
  EXPECT_TRUE(
      contains(error_message(Category::nest_mapspec, [&] { (void)beside.nest({"*"}); }), "reduces 'y'"));
  const Pipeline input{plus_one("y", "x").mapspec("x[i] -> y[i]"),
                       function("z", [](double y, ArrayView<const double> x) { return y + x[0]; })
                           .parameters("y", "x")
                           .mapspec("y[i] -> z[i]")};
  EXPECT_TRUE(
      contains(error_message(Category::nest_mapspec, [&] { (void)input.nest({"*"}); }), "reduces 'x'"));
  error_message(Category::nest_mapspec, [] { (void)Pipeline(mapped()).nest({"y"}); });
  error_message(Category::nest_mapspec, [] { (void)Pipeline(mapped()).nest({"y", "y"}); });
}

TEST(Nest, RefusesACircle) {
  const Pipeline pipeline{plus_one("a", "x"), plus_one("b", "a"), plus_one("c", "b")};
  error_message(Category::cycle, [&] { (void)pipeline.nest({"a", "c"}); });
}

TEST(Nest, RefusesOneInputOfTwoTypes) {
  const Pipeline pipeline{plus_one("y", "n"),
                          function("k", [](std::int64_t n) { return n; }).parameters("n")};
  EXPECT_TRUE(contains(error_message(Category::type_mismatch, [&] { (void)pipeline.nest({"*"}); }),
                       "'n' as int64 and as float64"));
}

TEST(Nest, ChecksTypesOfItsEdges) {
  const Pipeline pipeline({function("t", [](double x) { return std::to_string(x); }).parameters("x"),
                           function("n", [](const std::string& t) {
                             return static_cast<std::int64_t>(t.size());
                           }).parameters("t")});
  EXPECT_EQ(pipeline.nest({"*"}, {"n"}).run<std::int64_t>("n", {{"x", 1.5}}), 8);
}

TEST(Nest, BoundValuesAndConversionsInside) {
  const Pipeline pipeline{
      function("n", [](double x) { return static_cast<std::int32_t>(x); }).parameters("x"),
      combined("y", "n", "k").bound({{"k", std::int64_t{3}}}),
      function("w", [](ArrayView<const double> a, double y) { return a[1] + y; })
          .parameters("a", "y")
          .bound({{"a", Array<double>{0, 100}}})};
  EXPECT_EQ(pipeline.nest({"*"}, {"w"}).run<double>("w", {{"x", 7.5}}), 101.0);
}

TEST(Nest, WholeArraysPassInside) {
  const Pipeline pipeline{function("x",
                                   [](std::int64_t n) {
                                     Array<double> values(Shape{n});
                                     for (Index k = 0; k < n; ++k) values[k] = static_cast<double>(k);
                                     return values;
                                   })
                              .parameters("n"),
                          total("s", "x"), combined("t", "s", "n2")};
  const Pipeline nested = pipeline.nest({"x", "s"});
  const auto values = nested.run(Names{"x", "t"}, {{"n", std::int64_t{4}}, {"n2", 1.0}});
  EXPECT_EQ(values[0].as<std::vector<double>>(), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(values[1].as<double>(), 4.0);
  EXPECT_EQ(pipeline.nest({"x", "s"}, {"s"}).run<double>("t", {{"n", std::int64_t{4}}, {"n2", 1.0}}), 4.0);
}

TEST(Nest, NestsAgain) {
  auto functions = mapped();
  functions.push_back(plus_one("w", "z").mapspec("z[i] -> w[i]"));
  const Pipeline twice = Pipeline(functions).nest({"y", "z"}).nest({"*"}, {"w"});
  EXPECT_EQ(twice.mapspecs(), Names{"x[i] -> w[i]"});
  EXPECT_EQ(twice.run<double>("w", {{"x", 5.0}}), 5.0);
}

// ---- blocks
// ------------------------------------------------------------------------------------------------------

/// The body of a nested function over elements first .. last of x = 0, 1, 2, ..
class Block {
 public:
  Block(const FunctionNode& node, Index first, Index last)
      : external_{last}, node_(node), range_{first, last} {
    Array<double> x(external_);
    for (Index k = 0; k < last; ++k) x[k] = static_cast<double>(k);
    x_ = x;
    view_.type = &x_.type();
    view_.data = x_.data();
    view_.strides = {1};
    const ValueType argument{&x_.type(), 0, false};
    const auto types = node.function.body().outputs(std::span(&argument, 1));
    for (const ValueType& type : types) {
      OutputColumn& column = columns.emplace_back();
      column.type = type.rank == std::size_t{0} ? type.element : &array_type(*type.element);
      buffers_.emplace_back(static_cast<std::size_t>(last - first) * sizeof(double));
      column.fixed = column.type->fixed_size() ? buffers_.back().data() : nullptr;
    }
  }

  /// Elements that are complete; rethrows when `failure` is not expected.
  Index call(std::string* failure = nullptr) {
    BlockCall call{range_, &external_, std::span(&view_, 1), columns, 7, stream_of("nested"), 0};
    try {
      node_.function.body().call(call);
    } catch (const std::exception& error) {
      if (failure == nullptr) throw;
      *failure = error.what();
    }
    return call.completed;
  }
  double number(std::size_t column, Index k) const {
    return reinterpret_cast<const double*>(buffers_[column].data())[k - range_.begin];
  }
  template <class T>
  T pushed(std::size_t column, Index k) const {
    const auto at = static_cast<std::size_t>(k - range_.begin);
    const OutputColumn& from = columns[column];
    return decode<T>(
        std::span(from.bytes).subspan(from.offsets[at], from.offsets[at + 1] - from.offsets[at]));
  }

  std::vector<OutputColumn> columns;

 private:
  Shape external_;
  const FunctionNode& node_;
  IndexRange range_;
  Value x_;
  ArgumentView view_;
  std::vector<std::vector<std::byte>> buffers_;
};

TEST(NestedBody, GivesTheSameInAllBlocks) {
  // Numbers, texts and arrays pass from function to function, some of them kept.
  const Pipeline pipeline{
      both("y", "m", "x").mapspec("x[i] -> y[i], m[i]"),
      function("t", [](double m) { return std::string(static_cast<std::size_t>(-m) % 5, 'a'); })
          .parameters("m")
          .mapspec("m[i] -> t[i]"),
      function("v", [](double y, const std::string& t) { return std::vector<double>(t.size(), y); })
          .parameters("y", "t")
          .mapspec("y[i], t[i] -> v[i]"),
      function("n",
               [](ArrayView<const double> v, const std::string& t) {
                 double sum = 0;
                 for (const double value : v) sum += value;
                 return sum + 1000 * static_cast<double>(t.size());
               })
          .parameters("v", "t")
          .mapspec("v[i], t[i] -> n[i]")};
  for (const Names& kept : {Names{"n", "t"}, Names{"n", "v"}, Names{"n"}}) {
    const Pipeline nested = pipeline.nest({"*"}, kept);
    for (const auto& [first, last] : {std::pair<Index, Index>{0, 1}, {3, 9}, {0, 256}, {5, 9000}}) {
      Block block(nested.functions()[0], first, last);
      EXPECT_EQ(block.call(), last - first);
      for (Index k = first; k < last; ++k) {
        const auto length = static_cast<double>(k % 5);
        ASSERT_EQ(block.number(0, k), length * static_cast<double>(k) + 1000 * length) << k;
        if (kept.back() == "t") {
          ASSERT_EQ(block.pushed<std::string>(1, k).size(), static_cast<std::size_t>(length));
        } else if (kept.back() == "v") {
          ASSERT_EQ(block.pushed<std::vector<double>>(1, k).size(), static_cast<std::size_t>(length));
        }
      }
    }
  }
}

Function fails_at(const std::string& output, const std::string& parameter, double at) {
  return function(output,
                  [at, output](double x) {
                    if (x == at) throw std::runtime_error(output + " fails");
                    return x;
                  })
      .parameters(parameter)
      .mapspec(parameter + "[i] -> " + output + "[i]");
}

TEST(NestedBody, AFailureCutsAtTheFirstElement) {
  std::string failure;
  const Pipeline later_first = Pipeline{fails_at("y", "x", 400), fails_at("z", "y", 300)}.nest({"*"});
  Block block(later_first.functions()[0], 10, 600);
  EXPECT_EQ(block.call(&failure), 290) << "of the second function, though the first one ran on";
  EXPECT_EQ(failure, "z fails");
  EXPECT_EQ(block.number(0, 299), 299.0);
  EXPECT_EQ(block.number(1, 299), 299.0);
  const Pipeline first_first = Pipeline{fails_at("y", "x", 300), fails_at("z", "y", 400)}.nest({"*"});
  Block other(first_first.functions()[0], 10, 600);
  EXPECT_EQ(other.call(&failure), 290);
  EXPECT_EQ(failure, "y fails");
  EXPECT_EQ(other.number(1, 299), 299.0) << "what was complete before is computed by all";
}

TEST(NestedBody, LittleIsComputedBehindAFailure) {
  const auto calls = std::make_shared<Index>(0);
  const auto counting = function("y",
                                 [calls](double x) {
                                   ++*calls;
                                   return x;
                                 })
                            .parameters("x")
                            .mapspec("x[i] -> y[i]");
  std::string failure;
  for (const Index at : {0, 3, 15, 500}) {
    *calls = 0;
    const Pipeline nested = Pipeline{counting, fails_at("z", "y", static_cast<double>(at))}.nest({"*"});
    Block block(nested.functions()[0], 0, 2000);
    EXPECT_EQ(block.call(&failure), at);
    EXPECT_LE(*calls, at + 1 + at / 16);
  }
}

TEST(NestedBody, IsCachedWhenOneIsAndNoneDraws) {
  const auto nested = [](Function last) {
    return Pipeline{plus_one("y", "x").cache(7), std::move(last)}.nest({"*"});
  };
  EXPECT_EQ(nested(plus_one("z", "y")).functions()[0].function.cache_entries(), 7);
  const Function draws =
      function("z", [](double y, Random random) { return y + random.uniform(); }).parameters("y");
  EXPECT_EQ(nested(draws).functions()[0].function.cache_entries(), 0);
}

TEST(NestedBody, DrawsTheNumbersOfTheFunctionsInside) {
  const Pipeline pipeline{function("r", [](double, Random random) { return random.uniform(); })
                              .parameters("x")
                              .mapspec("x[i] -> r[i]"),
                          plus_one("s", "r").mapspec("r[i] -> s[i]")};
  const Pipeline nested = pipeline.nest({"*"}, {"s"});
  Block block(nested.functions()[0], 3, 500);
  block.call();
  for (const Index k : {3, 77, 499})
    EXPECT_EQ(block.number(0, k), 1 + Random(7, stream_of("r"), static_cast<std::uint64_t>(k)).uniform());
}

TEST(Nest, IsAddedToBeforeItsOutputsAreIndexed) {
  // y is an array that nobody indexes yet, and x a number.
  const Pipeline nested = Pipeline{plus_one("x", "a"), function("y",
                                                                [](double x) {
                                                                  return std::vector<double>{x, 2 * x};
                                                                })
                                                           .parameters("x")}
                              .nest({"*"});
  const std::vector<Function> more{plus_one("z", "y").mapspec("y[i] -> z[i]")};
  const std::string text = error_message(Category::internal_shape_rank, [&] { (void)nested.add(more); });
  EXPECT_TRUE(contains(text, "returns float64 for 'x'") && contains(text, "others index an output of it"))
      << text;
}

TEST(NestedBody, IsThreadSafeWhenAllAre) {
  const auto nested = [](bool promise) {
    return Pipeline{plus_one("y", "x").thread_safe(), plus_one("z", "y").thread_safe(promise)}.nest({"*"});
  };
  EXPECT_TRUE(nested(true).functions()[0].function.is_thread_safe());
  EXPECT_FALSE(nested(false).functions()[0].function.is_thread_safe());
  EXPECT_NE(nested(true).digest_text(),
            Pipeline({plus_one("y", "x"), plus_one("q", "y")}).nest({"*"}).digest_text());
}

}  // namespace
}  // namespace mpipe::test
