// SPDX-License-Identifier: BSD-3-Clause
// What the keys of a function come to.
#include "document_text.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

Function function_of(const std::string& keys) {
  return parse("functions:\n- {" + keys + "}\n").functions().front();
}

TEST(FunctionKeys, SeveralOutputsOfOneCall) {
  const Document document = parse("functions: [{output: [s, p], expr: [a + b, a * b]}]\n");
  const auto values =
      document.pipeline().run(std::vector<std::string>{"s", "p"}, {{"a", Value(3.0)}, {"b", Value(4.0)}});
  EXPECT_EQ(values[0].as<double>(), 7.0);
  EXPECT_EQ(values[1].as<double>(), 12.0);
}

TEST(FunctionKeys, AnExpressionMayBeANumber) {
  EXPECT_EQ(parse("functions: [{output: c, expr: 3}]").pipeline().run<double>("c", {}), 3.0);
}

TEST(FunctionKeys, DefaultsAndBound) {
  const Function function =
      function_of("output: y, expr: a + b + c, defaults: {a: 1, b: [1, 2]}, bound: {c: 2.5}");
  EXPECT_EQ(function.default_values().at("a").as<std::int64_t>(), 1);
  EXPECT_EQ(function.default_values().at("b").shape(), Shape{2});
  EXPECT_EQ(function.bound_values().at("c").as<double>(), 2.5);
  EXPECT_EQ(Pipeline{function}.root_args(), (std::vector<std::string>{"a", "b"}));
}

TEST(FunctionKeys, DefaultsMayBeRanges) {
  const Function function = function_of("output: y, expr: sum(a), defaults: {a: {linspace: [0, 1, 3]}}");
  EXPECT_EQ(function.default_values().at("a").as<std::vector<double>>(), (std::vector<double>{0, 0.5, 1}));
}

TEST(FunctionKeys, RenamesAndParameters) {
  const Function function = function_of(
      "output: y, expr: a - b, parameters: [b, a], renames: {a: left, y: difference}, defaults: {left: 5}");
  EXPECT_EQ(function.parameter_names(), (std::vector<std::string>{"b", "left"}));
  EXPECT_EQ(function.output_names(), std::vector<std::string>{"difference"});
  EXPECT_EQ(Pipeline{function}.run<double>("difference", {{"b", 2.0}}), 3.0);
}

TEST(FunctionKeys, ANameThatHasAScopeKeepsIt) {
  const Pipeline pipeline = parse(R"(
functions:
  - {output: lift, expr: 10 * area, scope: front}
  - {output: lift, expr: 20 * area, scope: rear}
  - {output: total, expr: a + 1, scope: rear, renames: {a: front.lift}}
)")
                                .pipeline();
  EXPECT_EQ(pipeline.run<double>("rear.total", {{"front.area", 2.0}}), 21.0);
}

TEST(FunctionKeys, RenamedOutputsAreFoundByTheirNewName) {
  const Document document =
      parse("functions: [{output: y, expr: a, renames: {y: z}}]\nmap: {storage: {z: memory}}\n");
  EXPECT_EQ(document.place_of("z")->to_string(), "doc.yaml:1:22");
}

TEST(FunctionKeys, MapspecAndInternalShape) {
  const Function function =
      function_of("output: y, expr: '[[x, 1]]', mapspec: 'x[i] -> y[i, j, k]', internal_shape: [\"?\", 2]");
  EXPECT_EQ(function.mapspec()->to_string(), "x[i] -> y[i, j, k]");
  EXPECT_EQ(*function.declared_internal_shape(), (PartialShape{std::nullopt, 2}));
  EXPECT_EQ(*function_of("output: y, expr: x, internal_shape: 3").declared_internal_shape(), PartialShape{3});
  EXPECT_EQ(*function_of("output: y, expr: x, internal_shape: '?'").declared_internal_shape(),
            PartialShape{std::nullopt});
  EXPECT_FALSE(function_of("output: y, expr: x").declared_internal_shape());
}

TEST(FunctionKeys, UnitsAndLongNames) {
  const Function one = function_of("output: y, expr: x, units: m/s, long_name: speed of sound");
  EXPECT_EQ(one.attributes().at("y").at("units"), "m/s");
  EXPECT_EQ(one.attributes().at("y").at("long_name"), "speed of sound");
  const Function two = function_of("output: [y, z], expr: [x, x], units: {z: kg}");
  EXPECT_FALSE(two.attributes().contains("y"));
  EXPECT_EQ(two.attributes().at("z").at("units"), "kg");
}

TEST(FunctionKeys, Isolation) {
  EXPECT_EQ(function_of("output: y, expr: x").isolation(), Isolation::none);
  EXPECT_EQ(function_of("output: y, expr: x, isolation: process").isolation(), Isolation::process);
}

TEST(FunctionKeys, WhatThisVersionDoesAnywayMayBeSaid) {
  EXPECT_NO_THROW(
      function_of("output: y, expr: x, isolation: none, resources: {ranks: 1, threads: 1, gpus: 0}"));
}

}  // namespace
}  // namespace mpipe::test
