// SPDX-License-Identifier: BSD-3-Clause
// What the errors say: the place, the problem and how to mend it.
#include <mpipe/mapspec/mapspec.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;

struct Case {
  std::string text;
  std::size_t column;  // that is pointed at
  std::string part;    // of the message
};

const std::vector<Case> kSyntaxErrors{
    {"", 1, "is empty"},
    {"  \n ", 5, "is empty"},
    {"x[i]", 5, "'->' is missing"},
    {"-> y[i]", 1, "write '...' when there are none"},
    {"x[i] ->", 8, "nothing stands behind '->'"},
    {"x[i] -> ...", 9, "'...' cannot be an output"},
    {"x[i] -> y[i] -> z[i]", 14, "a second '->'"},
    {"... -> x[i] -> y[i]", 13, "a second '->'"},
    {"..., x[i] -> y[i]", 4, "only '->' may follow '...'"},
    {"...x[i] -> y[i]", 4, "only '->' may follow '...'"},
    {".... -> y[i]", 4, "only '->' may follow '...'"},
    {"...", 4, "'->' is missing"},
    {".. -> y[i]", 1, "'..' is not a name"},
    {"x -> y[i]", 1, "the array 'x' has no axes in square brackets"},
    {"x[i], y -> z[i]", 7, "Write for example 'y[i]', or leave it out"},
    {"x[i] -> y", 9, "the array 'y' has no axes in square brackets"},
    {"x(i) -> y[i]", 1, "the array 'x' has no axes in square brackets"},
    {"x[] -> y[i]", 3, "an axis of 'x' is expected here, but there is ']'"},
    {"x[i,] -> y[i]", 5, "an axis of 'x' is expected here, but there is ']'"},
    {"x[,i] -> y[i]", 3, "an axis of 'x' is expected here, but there is ','"},
    {"x[1] -> y[1]", 3, "'1' is not the name of an axis"},
    {"x[2i] -> y[i]", 3, "'2i' is not the name of an axis"},
    {"x[a.b] -> y[i]", 3, "'a.b' is not the name of an axis"},
    {"x[...] -> y[i]", 3, "':' stands for the whole axis"},
    {"x[*] -> y[i]", 3, "there is '*'. Write a name, or ':' for the whole axis"},
    {"x[i j] -> y[i]", 5, "',' or ']' is expected here, but there is 'j'"},
    {"x[i:] -> y[i]", 4, "',' or ']' is expected here, but there is ':'"},
    {"x[::] -> y[i]", 4, "there is ':'"},
    {"x[i+1] -> y[i]", 4, "there is '+'"},
    {"x[i -> y[i]", 5, "there is '-'"},
    {"x[i", 2, "the bracket '[' of 'x' is not closed"},
    {"x[", 3, "but the text ends"},
    {"x[[i]] -> y[i]", 3, "there is '['"},
    {"x[i]] -> y[i]", 5, "there is ']'"},
    {"[i] -> y[i]", 1, "the name of an array is expected here, but there is '['"},
    {"x[i], -> y[i]", 7, "the name of an array is expected here, but there is '-'"},
    {", x[i] -> y[i]", 1, "there is ','"},
    {"x[i] y[i] -> z[i]", 6, "',' is missing between two arrays"},
    {"x[i]; y[i] -> z[i]", 5, "',' or '->' is expected here, but there is ';'"},
    {"x[i] -> y[i];", 13, "there is ';'"},
    {"x[i] -> y[i],", 14, "but the text ends"},
    {"x[i] -> y[i] z", 14, "',' is missing between two arrays"},
    {"x[i] - > y[i]", 6, "there is '-'"},
    {"x[i] => y[i]", 6, "there is '='"},
    {"1x[i] -> y[i]", 1, "'1x' is not a name"},
    {"a.b.x[i] -> y[i]", 1, "'a.b.x' is not a name"},
    {"a.[i] -> y[i]", 1, "'a.' is not a name"},
    {"a . x[i] -> y[i]", 1, "the array 'a' has no axes"},
    {"x[i], x[j] -> y[i, j]", 7, "the input 'x' is listed twice"},
    {"x[i] -> y[i], y[i]", 15, "the output 'y' is listed twice"},
    {"y[i] -> x[i], y[i]", 15, "'y' is an input and an output"},
    {"x[j], y[i, :, i] -> z[i, j]", 15, "the axis 'i' occurs twice in 'y[i, :, i]'"},
    {"\xC3\xA9[i] -> y[i]", 1, "there is a character outside ASCII"},
    {"\x80[i] -> y[i]", 1, "there is a character outside ASCII"},
    {"x[i] \xE2\x86\x92 y[i]", 6, "there is a character outside ASCII"},
    {std::string("x[i] -> y[i]\0", 13), 13, "there is '?'"},
};

/// The message says the column in words and by a caret below a line of the text.
void expect_points_at(const std::string& message, const std::string& text, std::size_t column) {
  EXPECT_TRUE(contains(message, "bad mapspec at column " + std::to_string(column) + ": "));
  const std::size_t caret_line = message.rfind('\n');
  ASSERT_NE(caret_line, std::string::npos);
  const std::size_t text_line = message.rfind('\n', caret_line - 1);
  ASSERT_NE(text_line, std::string::npos);
  const std::string quote = message.substr(text_line + 1, caret_line - text_line - 1);
  const std::string caret = message.substr(caret_line + 1);
  EXPECT_EQ(caret, std::string(column + 1, ' ') + "^");
  const auto is_ascii = [](char c) { return ' ' <= c && c <= '~'; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) {
    EXPECT_EQ(quote, "  " + text);
  }
  EXPECT_TRUE(std::all_of(quote.begin(), quote.end(), is_ascii)) << quote;
}

TEST(SyntaxError, points_at_its_place_and_says_how_to_mend_it) {
  int checks = 0;
  for (const Case& c : kSyntaxErrors) {
    SCOPED_TRACE("'" + c.text + "'");
    const std::string message = error_message(Category::mapspec_syntax, [&] { MapSpec::parse(c.text); });
    EXPECT_TRUE(contains(message, c.part));
    expect_points_at(message, c.text, c.column);
    ++checks;
  }
  EXPECT_GT(checks, 50);
}

TEST(InvariantError, points_into_the_text_as_it_was_written) {
  const auto check = [](Category category, const std::string& text, std::size_t column,
                        const std::string& part) {
    SCOPED_TRACE(text);
    const std::string message = error_message(category, [&] { MapSpec::parse(text); });
    EXPECT_TRUE(contains(message, part));
    expect_points_at(message, text, column);
  };
  check(Category::mapspec_output_axes, "x[i]->y[ i,  : ]", 14, "Name the axis");
  check(Category::mapspec_output_axes, "x[i] -> a[i], b[:]", 17, "the output 'b' has a ':'");
  check(Category::mapspec_output_axes, "x[i] -> a[i],   b[i, j]", 17, "'b[i, j]' has other axes than 'a[i]'");
  check(Category::mapspec_output_axes, "x[i] -> a[i, j, j]", 17, "the axis 'j' occurs twice in 'a[i, j, j]'");
  check(Category::mapspec_unused_index, "x[i], y[ :,j ] -> z[i]", 12, "':' to hand over the whole axis");
}

TEST(SyntaxError, quotes_the_neighbourhood_only_of_a_long_text) {
  std::string text = "x0[i]";
  for (int k = 1; k < 1'000; ++k) text += ", x" + std::to_string(k) + "[i]";
  const std::size_t offset = text.size() + 2;
  text += ", 7[i]";
  for (int k = 0; k < 1'000; ++k) text += ", y" + std::to_string(k) + "[i]";
  const std::string message = error_message(Category::mapspec_syntax, [&] { MapSpec::parse(text); });
  EXPECT_TRUE(contains(message, "at column " + std::to_string(offset + 1) + ": '7' is not a name"));
  EXPECT_LT(message.size(), 400U);
  const std::size_t caret_line = message.rfind('\n');
  const std::size_t text_line = message.rfind('\n', caret_line - 1);
  const std::size_t caret = message.size() - caret_line - 2;
  EXPECT_EQ(message.at(text_line + 1 + caret), '7') << message;
}

TEST(SyntaxError, stays_short_when_a_name_is_long) {
  const std::string message = error_message(
      Category::mapspec_syntax, [] { MapSpec::parse("x[" + std::string(100'000, '9') + "] -> y[i]"); });
  EXPECT_LT(message.size(), 500U);
}

}  // namespace
}  // namespace mpipe
