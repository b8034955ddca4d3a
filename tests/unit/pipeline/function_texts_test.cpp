// SPDX-License-Identifier: BSD-3-Clause
// What ranks compare of a function: its code and what it captures, but not where its data lie.
#include "pipeline/api/function_texts.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace mpipe::test {
namespace {

double square(double x) { return x * x; }
double cube(double x) { return x * x * x; }

template <class F>
std::string text_of(F callable) {
  return function_texts(Pipeline{function("y", callable).parameters("x")}).at(0);
}

template <class T>
auto times(T factor) {
  return [factor](double x) { return x * static_cast<double>(factor); };
}

TEST(FunctionTexts, DifferByTheAddressOfAFunction) {
  EXPECT_EQ(text_of(&square), text_of(&square));
  EXPECT_NE(text_of(&square), text_of(&cube));
}

TEST(FunctionTexts, DifferByWhatIsCapturedAsBytes) {
  EXPECT_EQ(text_of(times(2.0)), text_of(times(2.0)));
  EXPECT_NE(text_of(times(2.0)), text_of(times(3.0)));
  EXPECT_NE(text_of(times(2)), text_of(times(3)));
  const auto call = [](double (*captured)(double)) { return [captured](double x) { return captured(x); }; };
  EXPECT_EQ(text_of(call(&square)), text_of(call(&square)));
  EXPECT_NE(text_of(call(&square)), text_of(call(&cube)));
}

/// Processes that are alike have their data in different places.
TEST(FunctionTexts, DoNotTellWhereDataLie) {
  const auto one = std::make_unique<double>(2), another = std::make_unique<double>(2);
  const auto by_pointer = [](const double* factor) { return [factor](double x) { return x * *factor; }; };
  EXPECT_EQ(text_of(by_pointer(one.get())), text_of(by_pointer(another.get())));
}

/// Bytes between members are whatever was there before.
TEST(FunctionTexts, DoNotTellOfPadding) {
  struct Factor {
    char sign;
    double size;
    double operator()(double x) const { return sign == '-' ? -size * x : size * x; }
  };
  alignas(Factor) unsigned char first[sizeof(Factor)], second[sizeof(Factor)];
  std::fill(std::begin(first), std::end(first), static_cast<unsigned char>(1));
  std::fill(std::begin(second), std::end(second), static_cast<unsigned char>(2));
  auto* a = new (first) Factor;
  auto* b = new (second) Factor;
  a->sign = b->sign = '-';
  a->size = b->size = 2;
  EXPECT_EQ(text_of(*a), text_of(*b));
}

}  // namespace
}  // namespace mpipe::test
