// SPDX-License-Identifier: BSD-3-Clause
// Conversions between types of numbers: exact, or refused.
#include <mpipe/data/value.hpp>

#include "support/expect_error.hpp"

#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;

constexpr std::int64_t two_to_53 = std::int64_t{1} << 53;

template <class To, class From>
void expect_exact(From from, To to) {
  const Value converted = Value(from).converted(element_type<To>());
  EXPECT_EQ(converted.type(), element_type<To>());
  EXPECT_EQ(decode<To>(converted.element(0)), to) << describe(Value(from));
}

template <class To, class From>
std::string refused(From from) {
  return error_message(Category::type_mismatch,
                       [&] { static_cast<void>(Value(from).converted(element_type<To>())); });
}

TEST(Conversion, to_the_same_type_is_the_value_itself) {
  const Value value(std::vector<double>(100, 1.5));
  EXPECT_EQ(value.converted(element_type<double>()).data(), value.data());
  const Value text("abc");
  EXPECT_EQ(text.converted(element_type<std::string>()), text);
}

TEST(Conversion, between_integers_by_value) {
  expect_exact<std::int64_t>(std::int8_t{-5}, std::int64_t{-5});
  expect_exact<std::int8_t>(std::int64_t{-128}, std::int8_t{-128});
  expect_exact<std::int8_t>(std::int64_t{127}, std::int8_t{127});
  expect_exact<std::uint8_t>(255, std::uint8_t{255});
  expect_exact<std::uint64_t>(std::numeric_limits<std::int64_t>::max(), std::uint64_t{9223372036854775807U});
  refused<std::int8_t>(std::int64_t{128});
  refused<std::int8_t>(std::int64_t{-129});
  refused<std::uint8_t>(256);
  refused<std::uint8_t>(-1);
  refused<std::uint64_t>(std::int64_t{-1});
  refused<std::uint64_t>(std::int8_t{-1});
  refused<std::int64_t>(std::uint64_t{9223372036854775808U});
  refused<std::int32_t>(std::uint32_t{2147483648U});
}

TEST(Conversion, of_integers_to_floating_point_is_exact_or_refused) {
  expect_exact<double>(two_to_53, 9007199254740992.0);
  expect_exact<double>(-two_to_53, -9007199254740992.0);
  expect_exact<double>(std::uint64_t{two_to_53}, 9007199254740992.0);
  expect_exact<double>(two_to_53 + 2, 9007199254740994.0);  // even ones go on being exact
  expect_exact<double>(std::numeric_limits<std::int64_t>::min(), -9223372036854775808.0);
  expect_exact<double>(std::numeric_limits<std::int32_t>::max(), 2147483647.0);
  expect_exact<double>(std::numeric_limits<std::uint32_t>::max(), 4294967295.0);
  refused<double>(two_to_53 + 1);
  refused<double>(-two_to_53 - 1);
  refused<double>(std::uint64_t{two_to_53 + 1});
  refused<double>(std::numeric_limits<std::int64_t>::max());
  refused<double>(std::numeric_limits<std::uint64_t>::max());

  expect_exact<float>(1 << 24, 16777216.0f);
  expect_exact<float>(std::numeric_limits<std::int8_t>::max(), 127.0f);
  expect_exact<float>(std::numeric_limits<std::uint16_t>::max(), 65535.0f);
  refused<float>((1 << 24) + 1);
  refused<float>(std::numeric_limits<std::int32_t>::max());
  refused<float>(std::numeric_limits<std::uint32_t>::max());
}

TEST(Conversion, of_floating_point) {
  expect_exact<double>(1.5f, 1.5);
  expect_exact<std::complex<float>>(1.5f, std::complex<float>(1.5f, 0));
  expect_exact<std::complex<double>>(1.5, std::complex<double>(1.5, 0));
  expect_exact<double>(std::numeric_limits<float>::infinity(), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(Value(std::nanf("")).as<double>()));
  expect_exact<float>(1.5, 1.5f);
  expect_exact<float>(-0.0, -0.0f);
  expect_exact<float>(0x1p-149, 0x1p-149f);
  expect_exact<float>(-std::numeric_limits<double>::infinity(), -std::numeric_limits<float>::infinity());
  expect_exact<std::complex<float>>(1.5, std::complex<float>(1.5f, 0));
  expect_exact<std::complex<float>>(std::complex<double>(1.5, -2), std::complex<float>(1.5f, -2));
  EXPECT_TRUE(std::isnan(Value(std::nan("")).as<float>()));
  refused<float>(0.1);
  refused<float>(0x1p-150);
  refused<float>(1e39);
  refused<std::complex<float>>(std::complex<double>(1.5, 0.1));
  refused<std::complex<float>>(std::complex<double>(0.1, 1.5));
  const std::string text = error_message(Category::type_mismatch, [] {
    (void)Value({1.0, 0.5, 0.1}).as<std::vector<float>>();
  });
  EXPECT_TRUE(contains(text, "the value 0.1 (number 2 of")) << text;
  refused<int>(1.0);
  refused<std::int64_t>(1.0f);
  refused<bool>(1.0);
}

TEST(Conversion, of_booleans) {
  expect_exact<int>(true, 1);
  expect_exact<double>(true, 1.0);
  expect_exact<float>(false, 0.0f);
  expect_exact<std::uint8_t>(true, std::uint8_t{1});
  refused<bool>(1);
  refused<bool>(0.0);
}

TEST(Conversion, of_complex_numbers) {
  expect_exact<std::complex<double>>(std::complex<float>(1.5f, 2.5f), std::complex<double>(1.5, 2.5));
  expect_exact<std::complex<double>>(7, std::complex<double>(7, 0));
  refused<double>(std::complex<double>(1, 0));
  refused<std::complex<double>>(two_to_53 + 1);
}

TEST(Conversion, of_what_is_not_a_number) {
  refused<double>(std::string("1.5"));
  refused<std::string>(1.5);
  refused<double>(std::vector<std::vector<double>>{{1.5}});
}

TEST(Conversion, of_arrays_keeps_the_shape_and_names_the_first_culprit) {
  const Value counts = Value({1, 2, 3, 4, 5, 6}).reshaped({2, 3});
  const Value numbers = counts.converted(element_type<double>());
  EXPECT_EQ(numbers.shape(), (Shape{2, 3}));
  EXPECT_EQ(numbers.as<Array<double>>()(1, 2), 6.0);

  const std::string message =
      refused<double>(std::vector<std::int64_t>{1, two_to_53, two_to_53 + 1, two_to_53 + 3});
  EXPECT_TRUE(contains(message, "9007199254740993"));
  EXPECT_TRUE(contains(message, "number 2 of"));
  EXPECT_TRUE(contains(message, "float64"));
  EXPECT_EQ(Value(std::vector<int>{}).converted(element_type<double>()).count(), 0);
}

TEST(Conversion, happens_when_a_value_is_read_as_another_type) {
  EXPECT_EQ(Value(3).as<double>(), 3.0);
  EXPECT_EQ(Value({1, 2}).as<std::vector<double>>(), (std::vector<double>{1, 2}));
  EXPECT_EQ(Value(std::int64_t{200}).as<std::uint8_t>(), 200);
  error_message(Category::type_mismatch, [] { static_cast<void>(Value(two_to_53 + 1).as<double>()); });
}

}  // namespace
}  // namespace mpipe
