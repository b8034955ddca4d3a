// SPDX-License-Identifier: BSD-3-Clause
// The graph: who makes what, in which order, what it needs, and what cannot be one.
#include <mpipe/pipeline/pipeline.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace mpipe::test {
namespace {

using Names = std::vector<std::string>;

Function sum(const std::string& output, const std::string& a, const std::string& b) {
  return function(output, [](double x, double y) { return x + y; }).parameters(a, b);
}
Function copy(const std::string& output, const std::string& a) {
  return function(output, [](double x) { return x; }).parameters(a);
}
Function split(const std::string& first, const std::string& second, const std::string& a) {
  return function(Names{first, second}, [](double x) { return std::pair(x, -x); }).parameters(a);
}

std::vector<Names> generations(const Pipeline& pipeline) {
  std::vector<Names> all;
  for (const auto& generation : pipeline.generations()) {
    Names names;
    for (const FunctionId id : generation) names.push_back(pipeline.function(id).name());
    all.push_back(names);
  }
  return all;
}

TEST(Pipeline, RootsLeavesAndProducers) {
  const Pipeline pipeline{sum("c", "a", "b"), split("d", "e", "c"), sum("f", "d", "z")};
  EXPECT_EQ(pipeline.root_args(), (Names{"a", "b", "z"}));
  EXPECT_EQ(pipeline.leaf_outputs(), Names{"f"}) << "d is taken, so that e of the same call is no leaf";
  EXPECT_EQ(pipeline.function(pipeline.producer_of("e")).outputs, (Names{"d", "e"}));
  EXPECT_TRUE(pipeline.has_output("d"));
  EXPECT_FALSE(pipeline.has_output("a"));
  EXPECT_TRUE(contains(error_message(Category::unknown_output, [&] { pipeline.producer_of("cc"); }),
                       "no function has the output 'cc'. Did you mean 'c'?"));
}

TEST(Pipeline, GenerationsAreSortedWhateverTheOrderGiven) {
  std::vector<Function> functions{sum("e", "d", "c"), copy("d", "b"), copy("c", "x"), copy("b", "x")};
  const std::vector<Names> expected{{"b", "c"}, {"d"}, {"e"}};
  for (int turn = 0; turn < 4; ++turn) {
    EXPECT_EQ(generations(Pipeline(functions)), expected);
    std::rotate(functions.begin(), functions.begin() + 1, functions.end());
  }
}

TEST(Pipeline, TopologicalOrderPutsProducersFirst) {
  const Pipeline pipeline{sum("z", "y", "x"), copy("y", "x"), copy("w", "z")};
  Names order;
  for (const FunctionId id : pipeline.topological_order()) order.push_back(pipeline.function(id).name());
  EXPECT_EQ(order, (Names{"y", "z", "w"}));
}

TEST(Pipeline, NeededFor) {
  const Pipeline pipeline{copy("b", "a"), copy("c", "b"), copy("d", "x"), split("e", "f", "c")};
  EXPECT_EQ(pipeline.needed_for({}), (std::vector<bool>{true, true, true, true}));
  EXPECT_EQ(pipeline.needed_for({"c"}), (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(pipeline.needed_for({"f"}), (std::vector<bool>{true, true, false, true}));
  EXPECT_EQ(pipeline.needed_for({"b", "d"}), (std::vector<bool>{true, false, true, false}));
  EXPECT_THROW(pipeline.needed_for({"x"}), Error);
}

TEST(Pipeline, DefaultsOfRootsOnly) {
  const Pipeline pipeline{copy("b", "a").defaults({{"a", 1.0}}), sum("c", "b", "x").defaults({{"b", 5.0}})};
  EXPECT_EQ(pipeline.defaulted_args(), Names{"a"});
  EXPECT_EQ(pipeline.default_of("a")->as<double>(), 1.0);
  EXPECT_EQ(pipeline.default_of("x"), nullptr);
  EXPECT_EQ(pipeline.default_of("nobody"), nullptr);
}

TEST(Pipeline, EqualDefaultsInSeveralFunctionsAreFine) {
  EXPECT_NO_THROW((Pipeline{copy("b", "a").defaults({{"a", 1.0}}), copy("c", "a").defaults({{"a", 1.0}})}));
}

TEST(Pipeline, BoundParametersAreCutFromTheirProducers) {
  const Pipeline pipeline{copy("b", "a"), sum("c", "b", "x").bound({{"b", 5.0}})};
  EXPECT_EQ(pipeline.root_args(), (Names{"a", "x"}));
  EXPECT_EQ(pipeline.leaf_outputs(), (Names{"b", "c"}));
  EXPECT_EQ(pipeline.needed_for({"c"}), (std::vector<bool>{false, true}));
  EXPECT_EQ(pipeline.functions()[1].parameters[0].source, Source::bound);
}

TEST(Pipeline, RenamesJoinFunctions) {
  const Pipeline pipeline{copy("b", "a").renames({{"b", "middle"}}),
                          copy("c", "x").renames({{"x", "middle"}})};
  EXPECT_EQ(pipeline.root_args(), Names{"a"});
  EXPECT_EQ(generations(pipeline), (std::vector<Names>{{"middle"}, {"c"}}));
}

// ---- mapspecs
// ----------------------------------------------------------------------------------------------------

TEST(Pipeline, MapspecsInTopologicalOrder) {
  const Pipeline pipeline{copy("c", "b").mapspec("b[i] -> c[i]"), copy("b", "a").mapspec("a[i] -> b[i]")};
  EXPECT_EQ(pipeline.mapspecs(), (Names{"a[i] -> b[i]", "b[i] -> c[i]"}));
}

TEST(Pipeline, AFunctionWhoseOutputIsIndexedGetsAMapspec) {
  const Pipeline pipeline{
      function("x", [](std::int64_t n) { return Array<double>(Shape{n}); }).parameters("n"),
      copy("y", "x").mapspec("x[i] -> y[i]")};
  EXPECT_EQ(pipeline.mapspecs(), (Names{"... -> x[i]", "x[i] -> y[i]"}));
  EXPECT_TRUE(pipeline.functions()[0].generated);
  EXPECT_FALSE(pipeline.functions()[0].is_mapped());
  EXPECT_FALSE(pipeline.functions()[1].generated);
  EXPECT_TRUE(pipeline.functions()[1].is_mapped());
}

// ---- refusals
// ----------------------------------------------------------------------------------------------------

TEST(PipelineRefusals, TwoProducers) {
  EXPECT_TRUE(contains(error_message(Category::duplicate_output,
                                     [] {
                                       Pipeline{copy("b", "a"), sum("b", "x", "y")};
                                     }),
                       "two functions have the output 'b'"));
}

TEST(PipelineRefusals, Cycles) {
  EXPECT_TRUE(contains(error_message(Category::cycle,
                                     [] {
                                       Pipeline{copy("b", "a"), copy("c", "b"), copy("a", "c")};
                                     }),
                       "the functions b, c, a need each other's outputs in a circle"));
  EXPECT_THROW((Pipeline{copy("ok", "x"), copy("b", "a"), copy("a", "b")}), Error);
}

TEST(PipelineRefusals, DifferentDefaults) {
  EXPECT_TRUE(contains(
      error_message(Category::defaults_inconsistent,
                    [] {
                      Pipeline{copy("b", "a").defaults({{"a", 1.0}}), copy("c", "a").defaults({{"a", 2.0}})};
                    }),
      "parameter 'a' has different defaults"));
}

TEST(PipelineDefaults, OneNumberOfTwoTypes) {
  const auto whole = [] {
    return function("n", [](std::int64_t a) { return 2 * a; })
        .parameters("a")
        .defaults({{"a", std::int64_t{1}}});
  };
  const auto real = [] {
    return function("r", [](double a) { return a / 2; }).parameters("a").defaults({{"a", 1.0}});
  };
  for (const Pipeline& pipeline : {Pipeline{whole(), real()}, Pipeline{real(), whole()}}) {
    EXPECT_EQ(pipeline.run<std::int64_t>("n", {}), 2);
    EXPECT_EQ(pipeline.run<double>("r", {}), 0.5);
  }
  EXPECT_THROW((Pipeline{whole(), real().update_defaults({{"a", 1.5}})}), Error);
}

TEST(PipelineRefusals, DifferentAxes) {
  EXPECT_THROW((Pipeline{copy("b", "a").mapspec("a[i] -> b[i]"), copy("c", "a").mapspec("a[j] -> c[j]")}),
               Error);
  error_message(Category::axes_inconsistent, [] {
    Pipeline{copy("b", "a").mapspec("a[i] -> b[i]"), copy("c", "b").mapspec("b[j] -> c[j]")};
  });
}

TEST(PipelineRefusals, WhatAFunctionRefusesByItself) {
  error_message(Category::output_is_parameter, [] { Pipeline{copy("a", "a")}; });
}

// ---- digest
// ------------------------------------------------------------------------------------------------------

TEST(Digest, DiffersWithEverythingThatMatters) {
  const auto base = [] { return copy("b", "a"); };
  const std::string digest = Pipeline{base()}.digest_text();
  EXPECT_EQ(digest, Pipeline{base()}.digest_text());
  EXPECT_NE(digest, Pipeline{copy("c", "a")}.digest_text());
  EXPECT_NE(digest, Pipeline{copy("b", "x")}.digest_text());
  EXPECT_NE(digest, Pipeline{base().mapspec("a[i] -> b[i]")}.digest_text());
  EXPECT_NE(digest, Pipeline{base().defaults({{"a", 1.0}})}.digest_text());
  EXPECT_NE(Pipeline{base().bound({{"a", 1.0}})}.digest_text(),
            Pipeline{base().bound({{"a", 2.0}})}.digest_text());
  EXPECT_NE(digest, (Pipeline{function("b", [](float x) { return x; }).parameters("a")}.digest_text()));
}

}  // namespace
}  // namespace mpipe::test
