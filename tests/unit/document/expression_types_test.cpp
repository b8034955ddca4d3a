// SPDX-License-Identifier: BSD-3-Clause
// Outputs of expressions of other types than float64: every value is converted exactly, floats are rounded, and
// what a type cannot hold fails the element that it belongs to.
#include <mpipe/document/expression.hpp>
#include <mpipe/pipeline/pipeline.hpp>

#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>

namespace mpipe::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Value evaluate_as(Kind kind, const std::string& text, const Inputs& arguments) {
  return Pipeline{expression_function({"out"}, {text}, {}, {&element_type(kind)})}.run("out", arguments);
}

/// One number through the loop over registers, and as the item of an array through the other evaluator.
template <class T>
void expect_held(double value, T expected) {
  const Kind kind = element_type<T>().kind;
  const Value scalar = evaluate_as(kind, "x + 0 * x", {{"x", value}});
  ASSERT_EQ(scalar.type(), element_type<T>());
  EXPECT_EQ(scalar.as<T>(), expected) << value;
  const Value array = evaluate_as(kind, "[x, x]", {{"x", value}});
  ASSERT_EQ(array.type(), element_type<T>());
  EXPECT_EQ(array.as<std::vector<T>>(), (std::vector<T>{expected, expected})) << value;
}

template <class T>
void expect_refused(double value) {
  for (const char* text : {"x", "[0, x]"}) {
    try {
      evaluate_as(element_type<T>().kind, text, {{"x", value}});
      ADD_FAILURE() << value << " was taken as " << element_type<T>().name << " by " << text;
    } catch (const Error& error) {
      const std::string said = error.what();
      EXPECT_NE(said.find("is no " + element_type<T>().name), std::string::npos) << said;
    }
  }
}

TEST(ExpressionTypes, IntegersHoldWhatIsEqualToOne) {
  expect_held<std::int64_t>(-0x1p63, std::numeric_limits<std::int64_t>::min());
  expect_held<std::int64_t>(0x1p62, std::int64_t{1} << 62);
  expect_held<std::int64_t>(-0.0, 0);
  expect_held<std::int32_t>(2147483647.0, 2147483647);
  expect_held<std::int32_t>(-2147483648.0, std::numeric_limits<std::int32_t>::min());
  expect_held<std::int16_t>(-32768.0, std::int16_t{-32768});
  expect_held<std::int8_t>(127.0, std::int8_t{127});
  expect_held<std::uint8_t>(255.0, std::uint8_t{255});
  expect_held<std::uint16_t>(65535.0, std::uint16_t{65535});
  expect_held<std::uint32_t>(4294967295.0, 4294967295U);
  expect_held<std::uint64_t>(0x1p63, std::uint64_t{1} << 63);
}

TEST(ExpressionTypes, IntegersRefuseEverythingElse) {
  for (const double value : {0.5, -1e-300, std::nan(""), kInfinity, -kInfinity}) {
    expect_refused<std::int64_t>(value);
    expect_refused<std::int32_t>(value);
    expect_refused<std::uint64_t>(value);
    expect_refused<bool>(value);
  }
  expect_refused<std::int64_t>(0x1p63);
  expect_refused<std::int32_t>(2147483648.0);
  expect_refused<std::int32_t>(-2147483649.0);
  expect_refused<std::int8_t>(128.0);
  expect_refused<std::uint8_t>(-1.0);
  expect_refused<std::uint64_t>(0x1p64);
  expect_refused<bool>(2.0);
}

TEST(ExpressionTypes, BoolsAreZeroAndOne) {
  EXPECT_TRUE(evaluate_as(Kind::boolean, "x > 2", {{"x", 3.0}}).as<bool>());
  EXPECT_FALSE(evaluate_as(Kind::boolean, "x > 2", {{"x", 2.0}}).as<bool>());
}

TEST(ExpressionTypes, FloatsAreRoundedToTheNearest) {
  for (const double value : {0.1, 1.0 + 0x1p-24, 1.0 + 0x1p-24 + 0x1p-50, 1e-45, 3.5e38, -1e300})
    expect_held<float>(value, static_cast<float>(value));
  EXPECT_TRUE(std::isnan(evaluate_as(Kind::float32, "x", {{"x", std::nan("")}}).as<float>()));
  EXPECT_EQ(evaluate_as(Kind::float32, "x", {{"x", kInfinity}}).as<float>(),
            std::numeric_limits<float>::infinity());
}

TEST(ExpressionTypes, ComplexNumbersAreOnTheRealAxis) {
  expect_held<std::complex<double>>(-2.5, {-2.5, 0.0});
}

TEST(ExpressionTypes, FailAtTheElementWhoseValueIsRefused) {
  // 1500 elements are several chunks; x/2 is first no integer at 1, and where 1200 is odd, in the third one.
  const auto body = make_expression_body({"x", "if(x < 1201, 2 * x, x / 2)"}, {},
                                         {&element_type(Kind::float64), &element_type(Kind::int32)});
  const Shape external{1500};
  std::vector<double> x(1500);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<double>(k);
  ArgumentView view;
  view.type = &element_type(Kind::float64);
  view.data = reinterpret_cast<const std::byte*>(x.data());
  view.strides = {1};
  std::vector<double> first(1500, -7);
  std::vector<std::int32_t> second(1500, -7);
  std::vector<OutputColumn> columns(2);
  columns[0].type = &element_type(Kind::float64);
  columns[0].fixed = reinterpret_cast<std::byte*>(first.data());
  columns[1].type = &element_type(Kind::int32);
  columns[1].fixed = reinterpret_cast<std::byte*>(second.data());
  BlockCall call{{0, 1500}, &external, std::span(&view, 1), columns};
  EXPECT_TRUE(contains(error_message(Category::function_raised, [&] { body->call(call); }), "gave 600.5"));
  EXPECT_EQ(call.completed, 1201);
  for (std::size_t k = 0; k < 1201; ++k) {
    ASSERT_EQ(first[k], static_cast<double>(k));
    ASSERT_EQ(second[k], static_cast<std::int32_t>(2 * k));
  }
  EXPECT_EQ(second[1201], -7) << "nothing is written behind the element that failed";
}

TEST(ExpressionTypes, AreAPartOfWhatABodyIs) {
  const auto plain = make_expression_body({"x"});
  const auto whole = make_expression_body({"x"}, {}, {&element_type(Kind::int64)});
  const std::vector<std::string> names{"x"};
  EXPECT_EQ(plain->formula(names), "x");
  EXPECT_EQ(whole->formula(names), "x as int64");
  EXPECT_NE(plain->identity(), whole->identity());
}

TEST(ExpressionTypes, OthersAreRefused) {
  const auto refused = [](Category category, const std::string& word, auto action) {
    EXPECT_TRUE(contains(error_message(category, action), word));
  };
  refused(Category::bad_option, "str",
          [] { make_expression_body({"x"}, {}, {&element_type(Kind::string)}); });
  refused(Category::bad_option, "2 expressions but 1 types", [] {
    make_expression_body({"x", "y"}, {}, {&element_type(Kind::int64)});
  });
  refused(Category::type_mismatch, "'z'", [] {
    evaluate_as(Kind::complex128, "exp(z)", {{"z", std::complex<double>(0, 1)}});
  });
}

}  // namespace
}  // namespace mpipe::test
