// SPDX-License-Identifier: BSD-3-Clause
// Pipeline::run: what is computed, how often, from what, and what is refused before anything is computed.
#include <mpipe/pipeline/pipeline.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

namespace mpipe::test {
namespace {

using Names = std::vector<std::string>;

/// A chain a -> b -> c, and d beside it, that count their calls.
class Counted : public ::testing::Test {
 protected:
  Function counted(const std::string& output, const std::string& parameter, double factor) {
    auto calls = calls_;
    return function(output,
                    [calls, output, factor](double x) {
                      ++(*calls)[output];
                      return factor * x;
                    })
        .parameters(parameter);
  }
  int calls(const std::string& output) const { return calls_->contains(output) ? calls_->at(output) : 0; }
  int all_calls() const {
    int all = 0;
    for (const auto& [unused, count] : *calls_) all += count;
    return all;
  }

  std::shared_ptr<std::map<std::string, int>> calls_ = std::make_shared<std::map<std::string, int>>();
  Pipeline pipeline_{counted("b", "a", 2), counted("c", "b", 3), counted("d", "x", 5)};
};

TEST(Run, AChainOfAnyLength) {
  constexpr int kLength = 100'000;  // a recursion over it would overflow the stack
  std::vector<Function> chain;
  for (int k = 0; k < kLength; ++k)
    chain.push_back(function("v" + std::to_string(k + 1), [](double x) {
                      return x + 1;
                    }).parameters("v" + std::to_string(k)));
  const Pipeline pipeline(std::move(chain));
  EXPECT_EQ(pipeline.run<double>("v" + std::to_string(kLength), {{"v0", 0.5}}), kLength + 0.5);
}

TEST_F(Counted, OnlyWhatIsNeededAndOnce) {
  EXPECT_EQ(pipeline_.run<double>("c", {{"a", 1.0}}), 6.0);
  EXPECT_EQ(calls("b"), 1);
  EXPECT_EQ(calls("c"), 1);
  EXPECT_EQ(calls("d"), 0);
  const auto both = pipeline_.run(Names{"c", "b"}, {{"a", 10.0}});
  EXPECT_EQ(both[0].as<double>(), 60.0);
  EXPECT_EQ(both[1].as<double>(), 20.0);
  EXPECT_EQ(calls("b"), 2) << "one more, for both outputs";
}

TEST_F(Counted, IntermediatesThatAreGivenAreNotComputed) {
  EXPECT_EQ(pipeline_.run<double>("c", {{"b", 7.0}}), 21.0);
  EXPECT_EQ(calls("b"), 0);
}

TEST_F(Counted, NothingRunsWhenSomethingIsWrong) {
  EXPECT_TRUE(contains(error_message(Category::missing_input, [&] { pipeline_.run("c", {}); }),
                       "no value for the argument: a"));
  EXPECT_TRUE(contains(error_message(Category::unused_argument,
                                     [&] {
                                       pipeline_.run("c", {{"a", 1.0}, {"x", 1.0}});
                                     }),
                       "unused keyword arguments: x"));
  EXPECT_TRUE(contains(error_message(Category::unused_argument,
                                     [&] {
                                       pipeline_.run("c", {{"a", 1.0}, {"q", 1.0}});
                                     }),
                       "q"));
  EXPECT_TRUE(contains(error_message(Category::unused_argument,
                                     [&] {
                                       pipeline_.run("c", {{"a", 1.0}, {"b", 1.0}});
                                     }),
                       "a"));
  error_message(Category::output_given, [&] { pipeline_.run("c", {{"c", 1.0}}); });
  error_message(Category::unknown_output, [&] { pipeline_.run("nothing", {{"a", 1.0}}); });
  EXPECT_EQ(all_calls(), 0);
}

TEST(Run, DefaultsAndBoundValues) {
  const auto subtract = [] {
    return function("y", [](double a, double b) { return a - b; }).parameters("a", "b");
  };
  const Pipeline with_default{subtract().defaults({{"b", 1.0}})};
  EXPECT_EQ(with_default.run<double>("y", {{"a", 5.0}}), 4.0);
  EXPECT_EQ(with_default.run<double>("y", {{"a", 5.0}, {"b", 3.0}}), 2.0);
  const Pipeline with_bound{subtract().bound({{"b", 2.0}})};
  EXPECT_EQ(with_bound.run<double>("y", {{"a", 5.0}}), 3.0);
  error_message(Category::unused_argument, [&] { with_bound.run("y", {{"a", 5.0}, {"b", 3.0}}); });
}

TEST(Run, ABoundValueCutsTheProducer) {
  const Pipeline pipeline{
      function("b", [](double) -> double { throw std::runtime_error("not to be called"); }).parameters("a"),
      function("c", [](double b) { return b; }).parameters("b").bound({{"b", 4.0}})};
  EXPECT_EQ(pipeline.run<double>("c", {}), 4.0);
}

TEST(Run, ConvertsWhatFits) {
  const Pipeline pipeline{function("y", [](double x) { return x / 2; }).parameters("x"),
                          function("k", [](std::int32_t n) { return n; }).parameters("n")};
  EXPECT_EQ(pipeline.run<double>("y", {{"x", std::int64_t{3}}}), 1.5);
  EXPECT_EQ(pipeline.run<std::int32_t>("k", {{"n", std::int64_t{3}}}), 3);
  error_message(Category::type_mismatch, [&] { pipeline.run("k", {{"n", 0.5}}); });
  error_message(Category::type_mismatch, [&] { pipeline.run("k", {{"n", std::int64_t{1} << 40}}); });
  error_message(Category::type_mismatch, [&] { pipeline.run("y", {{"x", "text"}}); });
}

TEST(Run, ArraysInAndOut) {
  const Pipeline pipeline{function("total",
                                   [](ArrayView<const double> x) {
                                     double sum = 0;
                                     for (const double value : x) sum += value;
                                     return sum;
                                   })
                              .parameters("x"),
                          function("x", [](std::int64_t n) {
                            Array<double> values(Shape{n});
                            for (Index k = 0; k < n; ++k) values[k] = static_cast<double>(k);
                            return values;
                          }).parameters("n")};
  EXPECT_EQ(pipeline.run<double>("total", {{"n", std::int64_t{5}}}), 10.0);
  EXPECT_EQ(pipeline.run<Array<double>>("x", {{"n", std::int64_t{3}}}), (Array<double>{0, 1, 2}));
  EXPECT_EQ(pipeline.run<double>("total", {{"x", Array<double>{1, 2}}}), 3.0);
  error_message(Category::rank_mismatch, [&] { pipeline.run("total", {{"x", 1.0}}); });
}

TEST(Run, TextsAndSeveralOutputs) {
  const Pipeline pipeline{
      function({"greeting", "length"},
               [](const std::string& name) {
                 return std::tuple("hello " + name, static_cast<std::int64_t>(name.size()));
               })
          .parameters("name"),
      function("loud", [](const std::string& text) { return text + "!"; }).parameters("greeting")};
  const auto values = pipeline.run(Names{"loud", "length"}, {{"name", "you"}});
  EXPECT_EQ(values[0].as<std::string>(), "hello you!");
  EXPECT_EQ(values[1].as<std::int64_t>(), 3);
}

TEST(Run, AFailureNamesFunctionAndArguments) {
  const Pipeline pipeline{function("y", [](double x, const std::string&) -> double {
                            throw std::runtime_error("no convergence at " +
                                                     std::to_string(static_cast<int>(x)));
                          }).parameters("x", "method")};
  const auto message = error_message(Category::function_raised, [&] {
    pipeline.run("y", {{"x", 3.0}, {"method", "newton"}});
  });
  EXPECT_TRUE(contains(message, "function 'y' failed: no convergence at 3"));
  EXPECT_TRUE(contains(message, "x=3"));
  EXPECT_TRUE(contains(message, "method=\"newton\""));
}

TEST(Run, WhatIsMappedNeedsAMap) {
  const Pipeline pipeline{
      function("y", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> y[i]"),
      function("z", [](ArrayView<const double> y) { return y[0]; }).parameters("y")};
  EXPECT_TRUE(contains(error_message(Category::run_needs_map,
                                     [&] {
                                       pipeline.run("z", {{"x", Array<double>{1, 2}}});
                                     }),
                       "'y'"));
  error_message(Category::run_needs_map, [&] { pipeline.run("z", {{"y", Array<double>{7, 8}}}); });
  EXPECT_EQ(pipeline.subpipeline(Names{"y"}).run<double>("z", {{"y", Array<double>{7, 8}}}), 7.0);
  EXPECT_EQ(pipeline.run<double>("y", {{"x", 4.0}}), 8.0) << "one element of what is asked for";
}

TEST(Run, SeveralMappedOutputsUpstreamNeedAMapAsWell) {
  const Pipeline pipeline{function({"p", "q"}, [](double x) { return std::pair(x, -x); })
                              .parameters("x")
                              .mapspec("x[i] -> p[i], q[i]"),
                          function("s", [](ArrayView<const double> q) { return q[0]; }).parameters("q")};
  error_message(Category::run_needs_map, [&] { pipeline.run("s", {{"x", 1.0}}); });
}

TEST(Run, WithoutOutputsGivesTheLeaves) {
  const auto plus = [](double x) { return x + 1; };
  const Pipeline one{function("b", plus).parameters("a"), function("c", plus).parameters("b")};
  const auto leaf = one.run(Names{}, {{"a", 1.0}});
  ASSERT_EQ(leaf.size(), 1U);
  EXPECT_EQ(leaf[0].as<double>(), 3.0);
  const Pipeline two = one.add({function("d", plus).parameters("b")});
  EXPECT_EQ(two.run(Names{}, {{"a", 1.0}}).size(), 2U);
}

TEST(Run, FullOutputIsAllThatIsKnown) {
  const auto add = [](double x, double y) { return x + y; };
  const Pipeline pipeline{function("c", add).parameters("a", "b").defaults({{"b", 1.0}}),
                          function("d", add).parameters("c", "a"), function("e", add).parameters("d", "a")};
  EXPECT_EQ(pipeline.run_full({"d"}, {{"a", 2.0}}), (Inputs{{"a", 2.0}, {"c", 3.0}, {"d", 5.0}}))
      << "without defaults, and without what was not needed";
  EXPECT_EQ(pipeline.run_full({"e"}, {{"a", 2.0}, {"d", 10.0}}),
            (Inputs{{"a", 2.0}, {"d", 10.0}, {"e", 12.0}}));
}

TEST(Run, UnusedInputsMayBeAllowed) {
  const Pipeline pipeline{function("y", [](double x) { return 2 * x; }).parameters("x")};
  EXPECT_EQ(pipeline.run<double>("y", {{"x", 2.0}, {"q", 1.0}}, {.allow_unused = true}), 4.0);
  error_message(Category::missing_input, [&] { pipeline.run("y", {{"q", 1.0}}, {.allow_unused = true}); });
}

TEST(Run, NarrowerNumbersAreTakenWhereTheyAreExact) {
  const Pipeline pipeline{function("y", [](float x) { return 2 * x; }).parameters("x")};
  EXPECT_EQ(pipeline.run<float>("y", {{"x", 0.5}}), 1.0F);
  const std::string text = error_message(Category::type_mismatch, [&] { pipeline.run("y", {{"x", 0.1}}); });
  EXPECT_TRUE(contains(text, "the value 0.1 ") && contains(text, "held exactly by the type float32")) << text;
}

TEST(Run, RandomNumbersAreThoseOfTheFirstElement) {
  const Pipeline pipeline{function("r", [](Random random) { return random.uniform(); })};
  EXPECT_EQ(pipeline.run<double>("r", {}), Random(0, stream_of("r"), 0).uniform());
}

}  // namespace
}  // namespace mpipe::test
