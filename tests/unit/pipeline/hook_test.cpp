// SPDX-License-Identifier: BSD-3-Clause
// Hooks: what they are told of each call, when, and what becomes of what they throw.
#include <mpipe/pipeline/pipeline.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace mpipe::test {
namespace {

double scaled(double x, std::int64_t k) { return x * static_cast<double>(k); }
std::tuple<Array<double>, std::string> both(ArrayView<const double> values, std::string name) {
  return {Array<double>{values[0], values[1]}, name + "!"};
}

TEST(Hook, SeesTheCallableItsArgumentsAndItsResult) {
  std::vector<FinishedCall> seen;
  const Pipeline pipeline{function("y", scaled)
                              .post_execution_hook([&](const FinishedCall& call) { seen.push_back(call); })
                              .parameters("x", "k")  // the order of the chain does not matter
                              .renames({{"x", "z"}, {"y", "result"}})
                              .bound({{"k", 3}})};
  EXPECT_EQ(pipeline.run<double>("result", {{"z", 2.0}}), 6.0);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].outputs, std::vector<std::string>{"y"});
  EXPECT_EQ(seen[0].result<double>(), 6.0);
  EXPECT_EQ(seen[0].argument<double>("x"), 2.0) << "by the callable's own name";
  EXPECT_EQ(seen[0].argument<std::int64_t>("k"), 3) << "bound values, too";
  EXPECT_EQ(seen[0].element, 0);
  EXPECT_TRUE(seen[0].index.empty());
  EXPECT_TRUE(contains(error_message(Category::unknown_name, [&] { seen[0].argument("z"); }), "'z'"));
}

TEST(Hook, SeesArraysTextAndAllOutputs) {
  std::vector<FinishedCall> seen;
  const Pipeline pipeline{function(std::vector<std::string>{"a", "s"}, both)
                              .parameters("values", "name")
                              .post_execution_hook([&](const FinishedCall& call) { seen.push_back(call); })};
  const auto results =
      pipeline.run(std::vector<std::string>{"a", "s"}, {{"values", {1.5, 2.5}}, {"name", "n"}});
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].argument("values"), Value({1.5, 2.5}));
  EXPECT_EQ(seen[0].argument<std::string>("name"), "n");
  ASSERT_EQ(seen[0].results.size(), 2u);
  EXPECT_EQ(seen[0].results[0], results[0]);
  EXPECT_EQ(seen[0].results[1], Value("n!"));
  EXPECT_EQ(results[1], Value("n!"));
}

TEST(Hook, WhatItThrowsIsTheFailureOfTheCall) {
  const Pipeline pipeline{
      function("y", scaled).parameters("x", "k").post_execution_hook([](const FinishedCall&) {
        throw std::runtime_error("not plausible");
      })};
  EXPECT_TRUE(contains(error_message(Category::function_raised,
                                     [&] {
                                       pipeline.run("y", {{"x", 1.0}, {"k", 2}});
                                     }),
                       "not plausible"));
}

TEST(Hook, IsTakenAwayByNone) {
  int calls = 0;
  Function f =
      function("y", scaled).parameters("x", "k").post_execution_hook([&](const FinishedCall&) { ++calls; });
  f.post_execution_hook(nullptr);
  Pipeline{f}.run("y", {{"x", 1.0}, {"k", 2}});
  EXPECT_EQ(calls, 0);
}

TEST(Hook, OfFunctionsInANestedOneIsCalled) {
  int calls = 0;
  Pipeline pipeline{
      function("y", scaled).parameters("x", "k").post_execution_hook([&](const FinishedCall&) { ++calls; }),
      function("z", [](double y) { return y + 1; }).parameters("y")};
  pipeline = pipeline.nest({"y", "z"});
  EXPECT_EQ(pipeline.run<double>("z", {{"x", 1.0}, {"k", 2}}), 3.0);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace mpipe::test
