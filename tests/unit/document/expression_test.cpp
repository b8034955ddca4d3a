// SPDX-License-Identifier: BSD-3-Clause
// Expressions of numbers: precedence, associativity, every scalar function.
#include <mpipe/document/expression.hpp>

#include "evaluate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace mpipe::test {
namespace {

struct NumberCase {
  const char* text;
  double expected;
};

void PrintTo(const NumberCase& c, std::ostream* out) { *out << c.text; }

class Precedence : public ::testing::TestWithParam<NumberCase> {};

TEST_P(Precedence, IsTheGrammars) {
  const Inputs arguments{{"x", 3.0}, {"y", 4.0}};
  EXPECT_EQ(number(GetParam().text, free_names({GetParam().text}).empty() ? Inputs{} : arguments),
            GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Constants, Precedence,
    ::testing::Values(NumberCase{"1 + 2 * 3", 7}, NumberCase{"(1 + 2) * 3", 9}, NumberCase{"2 * 3 + 1", 7},
                      NumberCase{"10 - 4 - 3", 3}, NumberCase{"16 / 4 / 2", 2}, NumberCase{"16 / 4 * 2", 8},
                      NumberCase{"2^3^2", 512}, NumberCase{"(2^3)^2", 64}, NumberCase{"2^-1", 0.5},
                      NumberCase{"2^-2^2", 0.0625}, NumberCase{"-2^2", -4}, NumberCase{"(-2)^2", 4},
                      NumberCase{"--3", 3}, NumberCase{"2 - -3", 5}, NumberCase{"2*-3", -6},
                      NumberCase{"-2*-3", 6}, NumberCase{"2*3^2", 18}, NumberCase{"1 - 2^2 * 3", -11}));

INSTANTIATE_TEST_SUITE_P(Comparisons, Precedence,
                         ::testing::Values(NumberCase{"1 < 2", 1}, NumberCase{"2 < 1", 0},
                                           NumberCase{"2 < 2", 0}, NumberCase{"2 <= 2", 1},
                                           NumberCase{"3 <= 2", 0}, NumberCase{"3 > 2", 1},
                                           NumberCase{"2 > 2", 0}, NumberCase{"2 >= 2", 1},
                                           NumberCase{"1 >= 2", 0}, NumberCase{"2 == 2", 1},
                                           NumberCase{"2 == 3", 0}, NumberCase{"2 != 3", 1},
                                           NumberCase{"2 != 2", 0}, NumberCase{"1 + 1 == 4 / 2", 1},
                                           NumberCase{"(1 < 2) + (3 > 2)", 2}));

INSTANTIATE_TEST_SUITE_P(Numbers, Precedence,
                         ::testing::Values(NumberCase{"1e3", 1000}, NumberCase{"1.5E-1", 0.15},
                                           NumberCase{".5", 0.5}, NumberCase{"5.", 5}, NumberCase{"0.1", 0.1},
                                           NumberCase{"1e+2", 100},
                                           NumberCase{"9007199254740993", 9007199254740992.0},
                                           NumberCase{" \t\n 7 \r\n", 7}));

INSTANTIATE_TEST_SUITE_P(Functions, Precedence,
                         ::testing::Values(NumberCase{"min(3, 1, 2)", 1}, NumberCase{"max(3, 1, 2)", 3},
                                           NumberCase{"max(1, 5, 2, 4)", 5}, NumberCase{"if(1, 2, 3)", 2},
                                           NumberCase{"if(0, 2, 3)", 3}, NumberCase{"if(-0.5, 2, 3)", 2},
                                           NumberCase{"if(1 < 2, 10, 1 / 0)", 10},
                                           NumberCase{"fail_if(0, 5)", 5}, NumberCase{"abs(-2.5)", 2.5},
                                           NumberCase{"floor(-1.5)", -2}, NumberCase{"ceil(-1.5)", -1},
                                           NumberCase{"round(2.5)", 3}, NumberCase{"round(-2.5)", -3},
                                           NumberCase{"sqrt(16)", 4}, NumberCase{"log10(1000)", 3}));

INSTANTIATE_TEST_SUITE_P(Names, Precedence,
                         ::testing::Values(NumberCase{"x - y * 0", 3}, NumberCase{"-x^2 + y - y", -9},
                                           NumberCase{"x^2 + y^2", 25}, NumberCase{"x^y", 81},
                                           NumberCase{"y / x - y / x", 0}, NumberCase{"-x * y", -12},
                                           NumberCase{"x < y", 1}, NumberCase{"max(x, y) - min(x, y)", 1}));

struct FunctionCase {
  const char* name;
  double (*expected)(double);
};

class ScalarFunction : public ::testing::TestWithParam<FunctionCase> {};

TEST_P(ScalarFunction, IsThatOfTheMathematicalLibrary) {
  for (const double x : {-2.75, -1.0, -0.3, 0.0, 0.25, 1.0, 3.5}) {
    const double expected = GetParam().expected(x);
    const double value = number(std::string(GetParam().name) + "(x)", {{"x", x}});
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(value)) << x;
    else
      EXPECT_EQ(value, expected) << x;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ScalarFunction,
                         ::testing::Values(FunctionCase{"sin", std::sin}, FunctionCase{"cos", std::cos},
                                           FunctionCase{"tan", std::tan}, FunctionCase{"asin", std::asin},
                                           FunctionCase{"acos", std::acos}, FunctionCase{"atan", std::atan},
                                           FunctionCase{"sinh", std::sinh}, FunctionCase{"cosh", std::cosh},
                                           FunctionCase{"tanh", std::tanh}, FunctionCase{"exp", std::exp},
                                           FunctionCase{"log", std::log}, FunctionCase{"log10", std::log10},
                                           FunctionCase{"sqrt", std::sqrt}, FunctionCase{"abs", std::fabs},
                                           FunctionCase{"floor", std::floor}, FunctionCase{"ceil", std::ceil},
                                           FunctionCase{"round", std::round}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Expression, Atan2TakesTheOrdinateFirst) {
  EXPECT_EQ(number("atan2(y, x)", {{"x", -1.0}, {"y", 2.0}}), std::atan2(2.0, -1.0));
}

TEST(Expression, PiIsAConstantUnlessItIsAParameter) {
  EXPECT_EQ(number("pi"), std::numbers::pi);
  EXPECT_TRUE(free_names({"2 * pi"}).empty());
  const Pipeline shadowed{expression_function({"out"}, {"2 * pi"}, {"pi"})};
  EXPECT_EQ(shadowed.run<double>("out", {{"pi", 3.0}}), 6.0);
}

TEST(Expression, NanAndInfinityPassThrough) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(number("1 / 0"), inf);
  EXPECT_EQ(number("-x", {{"x", inf}}), -inf);
  EXPECT_TRUE(std::isnan(number("x + 1", {{"x", nan}})));
  EXPECT_TRUE(std::isnan(number("min(x, 1)", {{"x", nan}})));
  EXPECT_TRUE(std::isnan(number("min(1, x)", {{"x", nan}})));
  EXPECT_TRUE(std::isnan(number("max(x, 1)", {{"x", nan}})));
  EXPECT_TRUE(std::isnan(number("max(1, x)", {{"x", nan}})));
  EXPECT_EQ(number("x == x", {{"x", nan}}), 0.0);
  EXPECT_EQ(number("x != x", {{"x", nan}}), 1.0);
}

TEST(Expression, TakesNumbersOfEveryType) {
  EXPECT_EQ(number("x + 1", {{"x", std::int64_t{41}}}), 42.0);
  EXPECT_EQ(number("x + 1", {{"x", std::uint8_t{255}}}), 256.0);
  EXPECT_EQ(number("x + 1", {{"x", true}}), 2.0);
  EXPECT_EQ(number("x + 1", {{"x", 0.5F}}), 1.5);
}

TEST(Expression, ParametersAreTheFreeNamesInTheirOrder) {
  EXPECT_EQ(free_names({"b * sin(a) + b", "c - a"}), (std::vector<std::string>{"b", "a", "c"}));
  const Function function = expression_function({"out"}, {"y - x"}, {"x", "z", "y"});
  EXPECT_EQ(function.parameter_names(), (std::vector<std::string>{"x", "z", "y"}));
}

TEST(Expression, AnOutputPerExpressionFromOneCall) {
  const Pipeline pipeline{expression_function({"s", "p"}, {"a + b", "a * b"})};
  const auto values = pipeline.run(std::vector<std::string>{"p", "s"}, {{"a", 3.0}, {"b", 4.0}});
  EXPECT_EQ(values[0].as<double>(), 12.0);
  EXPECT_EQ(values[1].as<double>(), 7.0);
}

TEST(Expression, SaysWhatItIs) {
  const auto body = make_expression_body({"a + b"});
  EXPECT_TRUE(body->thread_safe());
  EXPECT_NE(body->identity(), make_expression_body({"a - b"})->identity());
  EXPECT_NE(body->identity(), make_expression_body({"a + b"}, {"b", "a"})->identity());
  EXPECT_EQ(body->identity(), make_expression_body({"a + b"})->identity());
}

/// By this text the starts of a run are compared, also those of other versions of the program: it must not
/// change.
TEST(Expression, HasAFormulaThatIsEqualForEqualTrees) {
  const std::pair<const char*, const char*> cases[] = {
      {"x*10+y", "x * 10 + y"},
      {" ( x ) * ( 1e1 ) + ((y))", "x * 10 + y"},
      {"x-(y-1)-2", "x - (y - 1) - 2"},
      {"(x-y)-1", "x - y - 1"},
      {"x/(y*2)", "x / (y * 2)"},
      {"(x+y)*2", "(x + y) * 2"},
      {"-x^2", "-x^2"},
      {"(-x)^2", "(-x)^2"},
      {"x^2.0", "x^2"},
      {"x^-y", "x^-y"},
      {"x^y^0.5", "x^y^0.5"},
      {"(x^y)^0.5", "(x^y)^0.5"},
      {"-(x*y)", "-(x * y)"},
      {"-x*y", "-x * y"},
      {"x*-y", "x * -y"},
      {"--x", "--x"},
      {"(x<y)*(y>=1)", "(x < y) * (y >= 1)"},
      {"x<y+1", "x < y + 1"},
      {"if(x<y,1,[x,y])", "if(x < y, 1, [x, y])"},
      {"max(x,y,1)", "max(max(x, y), 1)"},
      {"random()+normal()", "random() + normal()"},
      {"pi", "3.141592653589793"},
      {"sum(arange(x))", "sum(arange(x))"},
  };
  const std::vector<std::string> names{"x", "y"};
  for (const auto& [text, formula] : cases) {
    EXPECT_EQ(make_expression_body({text}, names)->formula(names), formula);
    EXPECT_EQ(make_expression_body({formula}, names)->formula(names), formula);
  }
  // In the names that the parameters have in the pipeline, in whichever order they stand.
  EXPECT_EQ(make_expression_body({"x - y", "y"}, {"y", "x"})->formula(std::vector<std::string>{"b", "a"}),
            "a - b; b");
}

}  // namespace
}  // namespace mpipe::test
