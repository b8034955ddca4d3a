// SPDX-License-Identifier: BSD-3-Clause
// Parts of pipelines.
#include "simple_functions.hpp"
#include "support/expect_error.hpp"

namespace mpipe::test {
namespace {

/// x -> y -> z with d, z -> s; beside it p -> q.
Pipeline line() {
  return Pipeline{plus_one("y", "x"), combined("z", "y", "d"), plus_one("s", "z"), plus_one("q", "p")};
}

TEST(Subpipeline, OfOutputsIsWhatTheyNeed) {
  const Pipeline part = line().subpipeline(std::nullopt, {"z"});
  EXPECT_EQ(outputs_of(part), (Names{"y", "z"}));
  EXPECT_EQ(part.root_args(), (Names{"d", "x"}));
  error_message(Category::unknown_output, [] { (void)line().subpipeline(std::nullopt, {"zz"}); });
}

TEST(Subpipeline, OfInputsIsWhatLiesBehindThem) {
  EXPECT_EQ(outputs_of(line().subpipeline(Names{"y", "d"})), (Names{"z", "s"}));
  EXPECT_EQ(line().subpipeline(Names{"y", "d"}).root_args(), (Names{"d", "y"}));
  EXPECT_EQ(outputs_of(line().subpipeline(Names{"p"})), Names{"q"});
  EXPECT_EQ(outputs_of(line().subpipeline(Names{"y", "d"}, {"z"})), Names{"z"});
  error_message(Category::unknown_name, [] { (void)line().subpipeline(Names{"yy"}); });
}

TEST(Subpipeline, AnOutputAndWhatItIsMadeFrom) {
  const Pipeline part = line().subpipeline(Names{"x", "y", "d"}, {"s"});
  EXPECT_EQ(outputs_of(part), (Names{"y", "z", "s"})) << "y lies behind x, so it is computed";
}

TEST(Subpipeline, RefusesInputsThatDoNotSuffice) {
  EXPECT_TRUE(
      contains(error_message(Category::subpipeline_inputs, [] { (void)line().subpipeline(Names{"y"}); }),
               "d as well"));
  error_message(Category::subpipeline_inputs, [] { (void)line().subpipeline(Names{"p"}, {"s"}); });
  error_message(Category::subpipeline_inputs, [] { (void)line().subpipeline(Names{"s"}); });
  error_message(Category::subpipeline_inputs, [] { (void)line().subpipeline(Names{}); });
}

TEST(Subpipeline, DefaultsNeedNotBeGiven) {
  const Pipeline part = line().update_defaults({{"d", 1.0}}).subpipeline(Names{"y"});
  EXPECT_EQ(part.run<double>("s", {{"y", 5.0}}), 4.0);
}

TEST(Subpipeline, WhatNeedsNoInputsIsKept) {
  const Pipeline pipeline{function("w", [] { return 3.0; }), plus_one("v", "w"), combined("z", "y", "v"),
                          plus_one("y", "x")};
  EXPECT_EQ(outputs_of(pipeline.subpipeline(Names{"y"})), (Names{"w", "v", "z"}));
  EXPECT_EQ(outputs_of(pipeline.subpipeline(Names{"y", "v"})), Names{"z"});
}

TEST(Subpipeline, OneOutputOfSeveralDoesNotSufficeForTheOthers) {
  const Pipeline pipeline{both("p", "q", "x"), plus_one("u", "p"), plus_one("v", "q")};
  error_message(Category::subpipeline_inputs, [&] { (void)pipeline.subpipeline(Names{"p"}); });
  EXPECT_EQ(outputs_of(pipeline.subpipeline(Names{"p"}, {"u"})), Names{"u"});
}

}  // namespace
}  // namespace mpipe::test
