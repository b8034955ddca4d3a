// SPDX-License-Identifier: BSD-3-Clause
// Words of commands: which templates are taken, and how values are written into them.
#include "document/command/text_template.hpp"

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace mpipe::test {
namespace {

using detail::TextTemplate;

std::string expanded(const std::string& text, const Value& value) {
  return TextTemplate(text).expand(
      [&](const detail::Placeholder& place) { return detail::word_of(value, place.format); });
}

TEST(TextTemplate, PutsValuesBetweenTexts) {
  EXPECT_EQ(expanded("--x={x}, {{x}} {x:.2f}", 0.125), "--x=0.125, {x} 0.12");
  EXPECT_EQ(expanded("{x:05d}", std::int64_t{42}), "00042");
  EXPECT_EQ(expanded("{x:>4}", "ab"), "  ab");
  EXPECT_EQ(expanded("{x}", true), "true");
}

TEST(TextTemplate, WritesNumbersSoThatTheyReadBackAsTheSame) {
  for (const double number : {0.1, 1.0 / 3, 1e300, 5e-324, -0.0, 123456789.0, 1e22})
    EXPECT_EQ(std::strtod(expanded("{x}", number).c_str(), nullptr), number);
  EXPECT_EQ(expanded("{x}", std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(expanded("{x}", 0.1F), "0.1");
}

TEST(TextTemplate, NamesItsPlaces) {
  const TextTemplate text("{a}{file:b}{file:c:json}{front.d:.1f}");
  ASSERT_EQ(text.placeholders().size(), 4U);
  EXPECT_EQ(text.placeholders()[1].name, "b");
  EXPECT_TRUE(text.placeholders()[1].as_file);
  EXPECT_EQ(text.placeholders()[2].format, "json");
  EXPECT_EQ(text.placeholders()[3].name, "front.d");
}

TEST(TextTemplate, RefusesWhatIsNoTemplate) {
  for (const char* text : {"{", "{a", "}", "{}", "{1a}", "{a b}", "{a:%d}", "{a:1000d}", "{a:{b}}", "{file:}",
                           "{file:a:vtk}", "{a:.1234f}"})
    EXPECT_NE(error_message(Category::bad_document, [&] { TextTemplate parsed(text); }), "") << text;
}

TEST(TextTemplate, RefusesValuesThatAreNoWords) {
  EXPECT_TRUE(contains(error_message(Category::type_mismatch,
                                     [] {
                                       expanded("{x}", Value({1.0, 2.0}));
                                     }),
                       "{file:NAME}"));
  EXPECT_TRUE(
      contains(error_message(Category::type_mismatch, [] { expanded("{x:d}", 1.5); }), "does not fit"));
  EXPECT_TRUE(contains(
      error_message(Category::type_mismatch, [] { detail::check_word(element_type(Kind::complex128), ""); }),
      "complex128"));
  EXPECT_TRUE(contains(
      error_message(Category::type_mismatch, [] { detail::check_word(element_type(Kind::string), ".2f"); }),
      "does not fit"));
}

}  // namespace
}  // namespace mpipe::test
