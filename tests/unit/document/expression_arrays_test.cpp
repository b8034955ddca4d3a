// SPDX-License-Identifier: BSD-3-Clause
// Expressions of arrays: reductions, makers, arithmetic element by element, shapes that do not fit.
#include "evaluate.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mpipe::test {
namespace {

const Array<double> kMatrix({2, 3}, std::array{1.0, 2.0, 3.0, 4.0, 5.0, 6.0}.begin());

struct ReductionCase {
  const char* text;
  double of_matrix;
};

void PrintTo(const ReductionCase& c, std::ostream* out) { *out << c.text; }

class Reduction : public ::testing::TestWithParam<ReductionCase> {};

TEST_P(Reduction, IsOverAllElementsInCOrder) {
  EXPECT_EQ(number(GetParam().text, {{"x", kMatrix}}), GetParam().of_matrix);
}

INSTANTIATE_TEST_SUITE_P(
    All, Reduction,
    ::testing::Values(ReductionCase{"sum(x)", 21}, ReductionCase{"mean(x)", 3.5},
                      ReductionCase{"prod(x)", 720}, ReductionCase{"size(x)", 6}, ReductionCase{"min(x)", 1},
                      ReductionCase{"max(x)", 6}, ReductionCase{"rank(x)", 2}, ReductionCase{"dim(x, 0)", 2},
                      ReductionCase{"dim(x, 1)", 3}, ReductionCase{"at(x, 0)", 1},
                      ReductionCase{"at(x, 4)", 5}, ReductionCase{"dot(x, x)", 91},
                      ReductionCase{"dot(x, arange(size(x)))", 70}, ReductionCase{"sum(x * 2 + 1)", 48},
                      ReductionCase{"sum(x) / size(x) - mean(x)", 0}, ReductionCase{"sum(-x)", -21},
                      ReductionCase{"sum(if(x > 3, x, 0))", 15}, ReductionCase{"max(sum(x), 30)", 30}));

TEST(ExpressionArrays, RankOfANumberIsZero) {
  EXPECT_EQ(number("rank(x)", {{"x", 2.0}}), 0.0);
  EXPECT_EQ(number("size(x)", {{"x", 2.0}}), 1.0);
}

TEST(ExpressionArrays, Makers) {
  EXPECT_EQ(evaluate("arange(4)").as<Array<double>>(), (Array<double>{0, 1, 2, 3}));
  EXPECT_EQ(evaluate("arange(0)").as<Array<double>>(), Array<double>(Shape{0}));
  EXPECT_EQ(evaluate("linspace(0, 1, 5)").as<Array<double>>(), (Array<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(evaluate("linspace(3, 9, 1)").as<Array<double>>(), (Array<double>{3}));
  EXPECT_EQ(evaluate("linspace(3, 9, 0)").as<Array<double>>(), Array<double>(Shape{0}));
  EXPECT_EQ(evaluate("[1, 2 + 3, n]", {{"n", 7.0}}).as<Array<double>>(), (Array<double>{1, 5, 7}));
  const auto matrix = evaluate("[[1, 2], [3, 4], [5, 6]]").as<Array<double>>();
  EXPECT_EQ(matrix.shape(), (Shape{3, 2}));
  EXPECT_EQ(matrix(2, 0), 5.0);
  EXPECT_EQ(evaluate("[arange(3), arange(3) + 3]").as<Array<double>>().shape(), (Shape{2, 3}));
}

TEST(ExpressionArrays, ElementByElement) {
  const Inputs xy{{"x", Array<double>{1, 2, 3}}, {"y", Array<double>{10, 20, 30}}};
  EXPECT_EQ(evaluate("x + y", xy).as<Array<double>>(), (Array<double>{11, 22, 33}));
  EXPECT_EQ(evaluate("y - x * 2", xy).as<Array<double>>(), (Array<double>{8, 16, 24}));
  EXPECT_EQ(evaluate("2 ^ x + 0 * y", xy).as<Array<double>>(), (Array<double>{2, 4, 8}));
  EXPECT_EQ(evaluate("y / x", xy).as<Array<double>>(), (Array<double>{10, 10, 10}));
  EXPECT_EQ(evaluate("max(x, y - 18)", xy).as<Array<double>>(), (Array<double>{1, 2, 12}));
  EXPECT_EQ(evaluate("(x > 1) * y", xy).as<Array<double>>(), (Array<double>{0, 20, 30}));
  EXPECT_EQ(evaluate("sqrt(x^2)", {{"x", kMatrix}}).as<Array<double>>(), kMatrix);
}

TEST(ExpressionArrays, ArraysWithoutElements) {
  const Inputs empty{{"x", Array<double>(Shape{0})}};
  EXPECT_EQ(number("sum(x)", empty), 0.0);
  EXPECT_EQ(number("prod(x)", empty), 1.0);
  EXPECT_EQ(number("size(x)", empty), 0.0);
  EXPECT_EQ(number("dot(x, x)", empty), 0.0);
  EXPECT_TRUE(std::isnan(number("mean(x)", empty)));
  EXPECT_TRUE(evaluate("x * 2", empty).as<Array<double>>().empty());
  EXPECT_TRUE(contains(error_message(Category::function_raised, [&] { number("min(x)", empty); }),
                       "'min' of an array without elements"));
}

TEST(ExpressionArrays, NanInAReductionIsTheResult) {
  const Inputs inputs{{"x", Array<double>{1, std::numeric_limits<double>::quiet_NaN(), -1}}};
  for (const char* text : {"sum(x)", "min(x)", "max(x)", "mean(x)", "prod(x)"})
    EXPECT_TRUE(std::isnan(number(text, inputs))) << text;
}

struct FailureCase {
  const char* text;
  const char* message;
};

void PrintTo(const FailureCase& c, std::ostream* out) { *out << c.text; }

class ElementFailure : public ::testing::TestWithParam<FailureCase> {};

TEST_P(ElementFailure, SaysWhatAndWhere) {
  const Inputs all{{"x", kMatrix}, {"y", Array<double>{1, 2, 3}}, {"n", 2.5}, {"huge", 1e18}, {"less", -1.0}};
  Inputs used;
  for (const std::string& name : free_names({GetParam().text})) used.emplace(name, all.at(name));
  const auto message = error_message(Category::function_raised, [&] { evaluate(GetParam().text, used); });
  EXPECT_TRUE(contains(message, GetParam().message));
  EXPECT_TRUE(contains(message, GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    All, ElementFailure,
    ::testing::Values(FailureCase{"at(x, 6)", "'at' with the index 6 is out of range: there are 6 elements"},
                      FailureCase{"at(x, less)", "'at' with the index -1 is out of range"},
                      FailureCase{"at(x, n)", "'at' with the index 2.5 is out of range"},
                      FailureCase{"dim(x, 2)", "'dim' with the index 2 is out of range: there are 2 axes"},
                      FailureCase{"dot(x, y)", "these have 6 and 3 elements"},
                      FailureCase{"arange(n)", "'arange' cannot have 2.5 elements"},
                      FailureCase{"arange(less)", "'arange' cannot have -1 elements"},
                      FailureCase{"size(arange(huge))", "'arange' with 1e+18 elements is too large"},
                      FailureCase{"linspace(0, 1, huge)", "'linspace' with 1e+18 points is too large"},
                      FailureCase{"sum(y) + fail_if(n > 2, 1)",
                                  "fail_if: its condition is not zero (in column 10"},
                      FailureCase{"fail_if(y > 2, 1)", "fail_if: its condition is not zero (in column 1"}));

TEST(ExpressionArrays, ShapesThatDoNotFitAreFoundAtTheLatestByTheElement) {
  const Inputs inputs{{"x", Array<double>{1, 2, 3}}, {"y", Array<double>{1, 2}}};
  EXPECT_TRUE(contains(error_message(Category::function_raised, [&] { evaluate("x * y", inputs); }),
                       "'*' cannot combine arrays of the shapes (3,) and (2,) (in column 3"));
  EXPECT_TRUE(contains(error_message(Category::function_raised, [&] { evaluate("[x, y]", inputs); }),
                       "the items of a list have different shapes"));
}

}  // namespace
}  // namespace mpipe::test
