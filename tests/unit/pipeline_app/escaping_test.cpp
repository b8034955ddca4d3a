// SPDX-License-Identifier: BSD-3-Clause
// Text of others in a page, and numbers.
#include "report/markup.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace mpipe::app {
namespace {

TEST(Escaped, leaves_no_character_that_means_something_to_a_browser) {
  EXPECT_EQ(escaped("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(escaped("&amp;"), "&amp;amp;");
  EXPECT_EQ(escaped("\u00e9\u4e2d\U0001F600"), "\u00e9\u4e2d\U0001F600");
  EXPECT_EQ(escaped(""), "");
}

TEST(Escaped, shows_what_controls_terminals_and_the_direction_of_text) {
  EXPECT_EQ(escaped("a\x1b[31m"), "a\\x1b[31m");
  EXPECT_EQ(escaped(std::string("\0", 1)), "\\x00");
  EXPECT_EQ(escaped("\x7f"), "\\x7f");
  EXPECT_EQ(escaped("\u009b"), "\\x9b");
  EXPECT_EQ(escaped("\u202eabc\u2066"), "\\u202eabc\\u2066");
  EXPECT_EQ(escaped("one\r\ntwo\tthree\rfour"), "one\ntwo\tthree\\x0dfour");
}

TEST(Escaped, replaces_bytes_that_are_no_text) {
  EXPECT_EQ(escaped("a\xff<"), "a\uFFFD&lt;");
  EXPECT_EQ(escaped("\xc3"), "\uFFFD");                      // cut short
  EXPECT_EQ(escaped("\xc0\xbc"), "\uFFFD\uFFFD");            // a '<' in a form that is too long
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // half of a pair of UTF-16
}

TEST(Shortened, counts_characters) {
  EXPECT_EQ(shortened("\u00e9\u00e9\u00e9", 3), "\u00e9\u00e9\u00e9");
  EXPECT_EQ(shortened("\u00e9\u00e9\u00e9", 2), "\u00e9\u00e9..");
  EXPECT_EQ(shortened("", 0), "");
}

TEST(NumberText, is_short_and_has_a_true_minus) {
  EXPECT_EQ(number_text(1.5), "1.5");
  EXPECT_EQ(number_text(-2), "\u22122");
  EXPECT_EQ(number_text(1e6), "1e6");
  EXPECT_EQ(number_text(2.5e-7), "2.5e\u22127");
  EXPECT_EQ(number_text(1e100), "1e100");
  EXPECT_EQ(number_text(-0.0), "0");
  EXPECT_EQ(number_text(std::numeric_limits<double>::quiet_NaN()), "not a number");
  EXPECT_EQ(number_text(-std::numeric_limits<double>::infinity()), "\u2212\u221e");
}

TEST(AmountText, counts_things) {
  EXPECT_EQ(amount_text(1, "element"), "1 element");
  EXPECT_EQ(amount_text(0, "element"), "0 elements");
  EXPECT_EQ(amount_text(1234, "element"), "1234 elements");
  EXPECT_EQ(amount_text(1234567, "element"), "1\u202f234\u202f567 elements");
}

TEST(Table, has_a_name_for_each_column_and_says_what_it_leaves_out) {
  const std::string table =
      table_html({"a<b", "#n"}, "<tr>" + text_cell("&") + number_cell("1") + "</tr>", 3);
  EXPECT_NE(table.find("<th>a&lt;b</th><th class=\"number\">n</th>"), std::string::npos) << table;
  EXPECT_NE(table.find("<td>&amp;</td><td class=\"number\">1</td>"), std::string::npos) << table;
  EXPECT_NE(table.find("<td colspan=\"2\">3 more</td>"), std::string::npos) << table;
}

}  // namespace
}  // namespace mpipe::app
