// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with an expression is found before anything runs, and its place is told.
#include <mpipe/document/expression.hpp>

#include "document/expression/expression_tree.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

namespace mpipe::test {
namespace {

struct ErrorCase {
  const char* text;
  Category category;
  std::size_t offset;
  const char* message;
};

void PrintTo(const ErrorCase& c, std::ostream* out) { *out << c.text; }

class ExpressionErrors : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(ExpressionErrors, TellThePlace) {
  const ErrorCase& expected = GetParam();
  try {
    make_expression_body({"1 + 1", expected.text}, {"x", "y"});
    FAIL() << "accepted";
  } catch (const detail::ExpressionError& error) {
    EXPECT_EQ(to_string(error.category()), to_string(expected.category)) << error.what();
    EXPECT_EQ(error.expression(), 1U);
    EXPECT_EQ(error.offset(), expected.offset) << error.what();
    EXPECT_TRUE(contains(error.what(), expected.message));
    EXPECT_TRUE(contains(error.what(), "column " + std::to_string(expected.offset + 1)));
  }
}

constexpr auto kSyntax = Category::bad_document;

INSTANTIATE_TEST_SUITE_P(
    Syntax, ExpressionErrors,
    ::testing::Values(ErrorCase{"", kSyntax, 0, "it ends where a value is expected"},
                      ErrorCase{"x +", kSyntax, 3, "it ends where a value is expected"},
                      ErrorCase{"x + * y", kSyntax, 4, "'*' is not expected here"},
                      ErrorCase{"(x + y", kSyntax, 6, "the '(' of column 1 is not closed"},
                      ErrorCase{"[x, y", kSyntax, 5, "the '[' of column 1 is not closed"},
                      ErrorCase{"sin(x", kSyntax, 5, "the '(' of column 4 is not closed"},
                      ErrorCase{"x)", kSyntax, 1, "')' is not expected here"},
                      ErrorCase{"x y", kSyntax, 2, "'y' is not expected here"},
                      ErrorCase{"2x", kSyntax, 1, "Write * to multiply"},
                      ErrorCase{"1.2.3", kSyntax, 3, "cannot follow the number 1.2"},
                      ErrorCase{"1e999", kSyntax, 0, "too large or too small for a double"},
                      ErrorCase{"x ** 2", kSyntax, 2, "Write ^ for powers"},
                      ErrorCase{"x = 2", kSyntax, 2, "Write == to compare"},
                      ErrorCase{"x < y && y", kSyntax, 6, "no logical operators"},
                      ErrorCase{"x < y < 3", kSyntax, 6, "comparisons cannot be chained"},
                      ErrorCase{"+x", kSyntax, 0, "a sign '+' in front of a value"},
                      ErrorCase{"[]", kSyntax, 1, "']' is not expected here"},
                      ErrorCase{"x $ y", kSyntax, 2, "'$' is not expected here"}));

INSTANTIATE_TEST_SUITE_P(
    Names, ExpressionErrors,
    ::testing::Values(ErrorCase{"x + z", Category::unknown_name, 4,
                                "'z' is not a parameter of this function"},
                      ErrorCase{"sinn(x)", kSyntax, 0, "there is no function 'sinn'. Did you mean 'sin'?"},
                      ErrorCase{"1 + sin()", kSyntax, 4, "'sin' wants 1 argument but gets 0"},
                      ErrorCase{"sin(x, y)", kSyntax, 0, "'sin' wants 1 argument but gets 2"},
                      ErrorCase{"atan2(x)", kSyntax, 0, "'atan2' wants 2 arguments but gets 1"},
                      ErrorCase{"if(x, y)", kSyntax, 0, "'if' wants 3 arguments but gets 2"},
                      ErrorCase{"random(x)", kSyntax, 0, "'random' wants none arguments but gets 1"},
                      ErrorCase{"min()", kSyntax, 0, "'min' wants 1, or 2 or more arguments but gets 0"}));

INSTANTIATE_TEST_SUITE_P(
    Ranks, ExpressionErrors,
    ::testing::Values(
        ErrorCase{"sum(3)", Category::rank_mismatch, 4, "'sum' wants an array"},
        ErrorCase{"at([1, 2], [1])", Category::rank_mismatch, 11, "'at' wants a single number here"},
        ErrorCase{"arange([1])", Category::rank_mismatch, 7, "'arange' wants a single number here"},
        ErrorCase{"[1] + [[1]]", Category::rank_mismatch, 4, "rank 1 with one of rank 2"},
        ErrorCase{"[1, [2]]", Category::rank_mismatch, 4, "this item of a list has rank 1"},
        ErrorCase{"[[1, 2], [3]]", Category::rank_mismatch, 9,
                  "this row of a list has 1 items where the first has 2"}));

TEST(ExpressionLimits, DeepNestingIsRefusedNotOverflowed) {
  for (const char* opening : {"(", "[", "-", "sin(", "2^"}) {
    std::string text;
    for (int k = 0; k < 10000; ++k) text += opening;
    EXPECT_TRUE(contains(error_message(kSyntax, [&] { make_expression_body({text + "1"}); }),
                         "nested more than 200 levels deep"))
        << opening;
  }
}

TEST(ExpressionLimits, LongTextIsRefused) {
  std::string text = "1";
  while (text.size() <= 65536) text += " + 1";
  EXPECT_TRUE(
      contains(error_message(kSyntax, [&] { make_expression_body({text}); }), "at most 65536 are read"));
}

TEST(ExpressionLimits, LongSumsAreReadAndComputed) {
  std::string text = "x";
  while (text.size() < 65000) text += " + x";
  const auto body = make_expression_body({text});
  EXPECT_EQ(body->parameters().size(), 1U);
}

TEST(ExpressionErrors, ShowTheExpressionWithACaret) {
  const auto message = error_message(kSyntax, [&] { make_expression_body({"x + \xC3\xA9 * 2"}); });
  EXPECT_TRUE(contains(message, "bad expression at column 5"));
  EXPECT_TRUE(contains(message, "\n  x + \xC3\xA9 * 2\n      ^"));
}

TEST(ExpressionTypes, RanksAreInferredFromTheArguments) {
  const auto body = make_expression_body({"a + b", "sum(a)", "[a, a]"});
  const auto& number = element_type<double>();
  const std::vector<ValueType> arrays{{&number, 2, false}, {&number, 0, false}};
  const auto outputs = body->outputs(arrays);
  EXPECT_EQ(outputs[0].rank, std::size_t{2});
  EXPECT_EQ(outputs[1].rank, std::size_t{0});
  EXPECT_EQ(outputs[2].rank, std::size_t{3});
  const std::vector<ValueType> scalars{{&number, 0, false}, {&number, 0, false}};
  EXPECT_TRUE(contains(error_message(Category::rank_mismatch, [&] { body->outputs(scalars); }),
                       "'sum' wants an array, but this is a single number"));
}

TEST(ExpressionTypes, TextIsNoNumber) {
  const auto body = make_expression_body({"a + 1"});
  const std::vector<ValueType> text{{&element_type<std::string>(), 0, false}};
  EXPECT_TRUE(contains(error_message(Category::type_mismatch, [&] { body->outputs(text); }),
                       "parameter 'a' of the expression 'a + 1' is str,"));
}

}  // namespace
}  // namespace mpipe::test
