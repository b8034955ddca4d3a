// SPDX-License-Identifier: BSD-3-Clause
// The parser against an independent statement of the grammar, on texts made at random.
#include <mpipe/mapspec/mapspec.hpp>

#include "mapspec/text.hpp"

#include <gtest/gtest.h>

#include <random>
#include <regex>
#include <string>
#include <vector>

namespace mpipe {
namespace {

const std::regex& grammar() {
  static const std::string name = R"([A-Za-z_]\w*(\.[A-Za-z_]\w*)?)";
  static const std::string axis = R"(\s*([A-Za-z_]\w*|:)\s*)";
  static const std::string array = "\\s*" + name + "\\s*\\[" + axis + "(," + axis + ")*\\]\\s*";
  static const std::string arrays = array + "(," + array + ")*";
  static const std::regex regex("(\\s*\\.\\.\\.\\s*|" + arrays + ")->" + arrays);
  return regex;
}

class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

  template <std::size_t N>
  std::string one_of(const char* const (&choices)[N]) {
    return choices[below(N)];
  }

  std::string tokens(std::size_t count) {
    std::string text;
    for (; count > 0; --count)
      text += below(8) != 0 ? one_of({"x[i]", "y[:, j]", "->", "->", ",", "..."})
                            : one_of({" ", "[", "]", ":", "i", "s.t", "7", "-", ">", ".", ";", "\n"});
    return text;
  }

  /// A text that the grammar allows, though perhaps not the invariants.
  std::string valid() {
    const std::string left = below(4) == 0 ? "..." : arrays();
    return space() + left + space() + "->" + space() + arrays() + space();
  }

  /// A valid text with one character removed, doubled or replaced.
  std::string nearly_valid() {
    std::string text = valid();
    const std::size_t at = below(text.size());
    const std::string replacement = one_of({"", " ", ",", "[", "]", ":", ".", "-", "i", "3", "\xC3\xA9"});
    return text.replace(at, below(2), replacement);
  }

 private:
  std::string space() { return one_of({"", "", " ", "\n", " \t"}); }
  std::string name() { return one_of({"x", "y", "z1", "_w", "s.x", "s._2"}); }
  std::string axis() { return one_of({"i", "j", "k", "long_axis", ":"}); }

  std::string array() {
    std::string text = name() + space() + "[" + space() + axis() + space();
    for (std::size_t k = below(3); k > 0; --k) text += "," + space() + axis() + space();
    return text + "]";
  }

  std::string arrays() {
    std::string text = array();
    for (std::size_t k = below(3); k > 0; --k) text += space() + "," + space() + array();
    return text;
  }

  std::mt19937 random_;
};

/// Whether the grammar alone accepts `text`; anything but success or a mapspec_syntax error fails the test.
bool is_accepted(const std::string& text) {
  try {
    detail::parse_grammar(text);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::mapspec_syntax) << error.what();
    return false;
  }
}

/// What `MapSpec::parse` accepts prints and parses to itself.
bool round_trips(const std::string& text) {
  try {
    const MapSpec spec = MapSpec::parse(text);
    EXPECT_EQ(MapSpec::parse(spec.to_string()), spec) << text;
    EXPECT_EQ(MapSpec(spec.inputs(), spec.outputs()), spec) << text;
    return true;
  } catch (const Error&) {
    return false;
  }
}

struct Counts {
  int accepted = 0;
  int refused = 0;
  int round_trips = 0;
};

template <class Make>
Counts compare(int count, const Make& make) {
  Counts counts;
  for (int k = 0; k < count && !::testing::Test::HasFailure(); ++k) {
    const std::string text = make();
    const bool expected = std::regex_match(text, grammar());
    EXPECT_EQ(is_accepted(text), expected) << "'" << text << "'";
    ++(expected ? counts.accepted : counts.refused);
    counts.round_trips += round_trips(text) ? 1 : 0;
  }
  return counts;
}

TEST(Grammar, valid_texts_are_accepted) {
  RandomText random(1);
  const Counts counts = compare(4'000, [&] { return random.valid(); });
  EXPECT_EQ(counts.accepted, 4'000);
  EXPECT_GT(counts.round_trips, 100);
}

TEST(Grammar, nearly_valid_texts_are_accepted_exactly_when_they_are_valid) {
  RandomText random(2);
  const Counts counts = compare(8'000, [&] { return random.nearly_valid(); });
  EXPECT_GT(counts.accepted, 1'000);
  EXPECT_GT(counts.refused, 1'000);
}

TEST(Grammar, heaps_of_tokens_are_accepted_exactly_when_they_are_valid) {
  RandomText random(3);
  const Counts counts = compare(20'000, [&] { return random.tokens(random.below(8)); });
  EXPECT_GT(counts.accepted, 100);
  EXPECT_GT(counts.refused, 10'000);
}

TEST(Grammar, arbitrary_bytes_are_refused_without_harm) {
  RandomText random(4);
  for (int k = 0; k < 5'000; ++k) {
    std::string text(random.below(30), ' ');
    for (char& c : text) c = static_cast<char>(random.below(256));
    EXPECT_FALSE(is_accepted(text));
  }
}

TEST(Grammar, long_texts_take_neither_stack_nor_quadratic_time) {
  std::string arrays = "x0[i]";
  std::string axes = "i";
  for (int k = 1; k < 50'000; ++k) {
    arrays += ", x" + std::to_string(k) + "[i]";
    axes += ", i" + std::to_string(k);
  }
  EXPECT_EQ(MapSpec::parse(arrays + " -> y[i]").inputs().size(), 50'000U);
  const std::vector<MapSpec> specs{MapSpec::parse("x[" + axes + "] -> y[" + axes + "]")};
  EXPECT_EQ(specs.front().external_axes().size(), 50'000U);
  EXPECT_NO_THROW(check_consistent_axes(specs));
}

}  // namespace
}  // namespace mpipe
