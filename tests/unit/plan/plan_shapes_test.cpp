// SPDX-License-Identifier: BSD-3-Clause
// Shapes in a plan: declared, unknown, found while running.
#include <mpipe/plan/plan.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

/// `x` of unknown length, and what is mapped over it.
Pipeline generator(const std::optional<InternalShape>& declared = {}) {
  Function x = function("x", [](double n) { return std::vector<double>(static_cast<std::size_t>(n)); });
  x.parameters("n").mapspec("... -> x[i]");
  if (declared) x.internal_shape(*declared);
  return {x, function("y", [](double a, double w) { return a + w; })
                 .parameters("x", "w")
                 .mapspec("x[i], w[i] -> y[i]")};
}

/// Each call returns a matrix, and so for both outputs.
Pipeline matrices() {
  using Matrix = Array<double>;
  return {function({"a", "b"},
                   [](double) {
                     return std::pair(Matrix(Shape{2, 3}), Matrix(Shape{2, 3}));
                   })
              .parameters("x")
              .mapspec("x[i] -> a[j, i, k], b[j, i, k]")};
}

PlanRequest request(const InternalShapes& shapes, Index length = 4) {
  PlanRequest request{{{"n", 4.0}, {"w", Array<double>(Shape{length})}}};
  request.internal_shapes = shapes;
  return request;
}

TEST(PlanShapes, OfTheCallGoBeforeThoseOfTheFunction) {
  EXPECT_EQ(Plan(generator(), request({})).shapes().at("x"), PartialShape{std::nullopt});
  EXPECT_EQ(Plan(generator(9), request({}, 9)).shapes().at("x"), PartialShape{9});
  EXPECT_EQ(Plan(generator(9), request({{"x", 4}})).shapes().at("x"), PartialShape{4});
  EXPECT_EQ(Plan(generator(9), request({{"x", "?"}})).shapes().at("x"), PartialShape{std::nullopt});
}

TEST(PlanShapes, KnownOnesAreComparedBeforeAnythingRuns) {
  const std::string text = error_message(Category::dimension_mismatch, [] {
    Plan(generator(), request({{"x", 5}}));
  });
  EXPECT_TRUE(contains(text, "'i'"));
  // Not known: as soon as it is.
  const Pipeline pipeline = generator();
  Plan plan(pipeline, request({}));
  EXPECT_EQ(plan.shapes().at("y"), PartialShape{4});
  plan.resolve(*plan.find_output("x"), {5});
  ASSERT_EQ(plan.misfits().size(), 1U);
  EXPECT_EQ(plan.misfits().begin()->first, pipeline.producer_of("y").value);
  EXPECT_TRUE(contains(plan.misfits().begin()->second, "'i'"));
  EXPECT_EQ(plan.shapes().at("y"), PartialShape{4}) << "as it was planned";
}

TEST(PlanShapes, OneOutputSpeaksForAllOfItsFunction) {
  const Pipeline pipeline = matrices();
  const auto shapes_with = [&](const InternalShapes& shapes) {
    return Plan(pipeline, {{{"x", {1.0, 2.0}}}, {}, {}, shapes}).shapes();
  };
  EXPECT_EQ(shapes_with({{"b", {"?", 3}}}).at("a"), (PartialShape{std::nullopt, 2, 3}));
  EXPECT_EQ(shapes_with({{"b", {2, 3}}, {"a", {2, 3}}}).at("b"), (PartialShape{2, 2, 3}));
  error_message(Category::internal_shape_mismatch, [&] { shapes_with({{"a", {2, 3}}, {"b", {2, 4}}}); });
}

TEST(PlanShapes, WhatDoesNotFitIsRefused) {
  error_message(Category::unknown_output, [] { Plan(generator(), request({{"z", 4}})); });
  error_message(Category::internal_shape_rank, [] { Plan(generator(), request({{"y", 4}})); });
  error_message(Category::internal_shape_rank, [] { Plan(generator(), request({{"x", {4, 1}}})); });
  error_message(Category::internal_shape_rank, [] { Plan(generator(), request({{"x", InternalShape{}}})); });
  EXPECT_TRUE(contains(error_message(Category::internal_shape_type,
                                     [] {
                                       Plan(generator(), request({{"x", "a"}}));
                                     }),
                       "'x'"));
  error_message(Category::internal_shape_rank, [] {
    const Pipeline pipeline = matrices();
    Plan(pipeline, {{{"x", {1.0}}}, {}, {}, {{"a", 2}}});
  });
}

TEST(PlanShapes, ARankThatNobodyKnows) {
  const Pipeline pipeline{
      function("a", [](double x) { return Array<double>{x}; }).parameters("x"),
      function("s", [](ArrayView<const double> a) { return static_cast<double>(a.size()); }).parameters("a")};
  Plan plan(pipeline, {{{"x", 1.0}}});
  const OutputId a = *plan.find_output("a");
  EXPECT_FALSE(plan.output(a).layout.rank_known);
  plan.resolve(a, {2, 5});
  EXPECT_EQ(plan.output(a).layout.axes, (std::vector<std::string>{"a_dim0", "a_dim1"}));
  EXPECT_EQ(plan.output(a).layout.shape, (PartialShape{2, 5}));
  error_message(Category::internal_shape_mismatch, [&] { plan.resolve(a, {2}); });
  // It may be declared.
  const Plan declared(pipeline, {{{"x", 1.0}}, {}, {}, {{"a", {"?", 5}}}});
  EXPECT_TRUE(declared.output(a).layout.rank_known);
  EXPECT_EQ(declared.output(a).layout.shape, (PartialShape{std::nullopt, 5}));
}

}  // namespace
}  // namespace mpipe::test
