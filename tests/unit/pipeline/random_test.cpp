// SPDX-License-Identifier: BSD-3-Clause
// Streams of random numbers that depend on the seed, the function and the element only.
#include <mpipe/pipeline/function_body.hpp>

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace mpipe::test {
namespace {

TEST(Random, IsPhiloxOfItsKeyAndCounter) {
  // The known answer of Philox4x64-10 for an all-zero key and counter (Random123's kat_vectors).
  Random random(0, 0, 0);
  EXPECT_EQ(random(), 0x16554d9eca36314cU);
  EXPECT_EQ(random(), 0xdb20fe9d672d0fdcU);
  EXPECT_EQ(random(), 0xd7e772cee186176bU);
  EXPECT_EQ(random(), 0x7e68b68aec7ba23bU);
}

TEST(Random, StreamsDiffer) {
  std::set<std::uint64_t> first;
  for (const std::uint64_t seed : {0U, 1U, 2U})
    for (const char* name : {"a", "b", "ab", "ba"})
      for (const std::uint64_t element : {0U, 1U, 1000000U})
        first.insert(Random(seed, stream_of(name), element)());
  EXPECT_EQ(first.size(), 36U);
}

TEST(Random, DoesNotRepeatWithinAStream) {
  Random random(1, 2, 3);
  std::set<std::uint64_t> values;
  for (int k = 0; k < 10000; ++k) values.insert(random());
  EXPECT_EQ(values.size(), 10000U);
}

TEST(Random, ACopyGoesOnByItself) {
  Random random(5, 6, 7);
  random.normal();
  Random copy = random;
  EXPECT_EQ(random.normal(), copy.normal());
  EXPECT_EQ(random(), copy());
}

TEST(Random, UniformsAreInTheHalfOpenInterval) {
  Random random(1, 1, 1);
  double sum = 0;
  for (int k = 0; k < 100000; ++k) {
    const double value = random.uniform();
    ASSERT_TRUE(0 <= value && value < 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.005);  // 5 standard deviations
}

TEST(Random, NormalsHaveTheirMoments) {
  Random random(1, 1, 2);
  double sum = 0, squares = 0, fourth = 0;
  constexpr int kCount = 100000;
  for (int k = 0; k < kCount; ++k) {
    const double value = random.normal();
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.016);
  EXPECT_NEAR(squares / kCount, 1, 0.023);
  EXPECT_NEAR(fourth / kCount, 3, 0.16);
}

TEST(Random, FitsTheStandardLibrary) {
  Random random(3, 4, 5);
  static_assert(std::uniform_random_bit_generator<Random>);
  std::uniform_int_distribution<int> die(1, 6);
  for (int k = 0; k < 100; ++k) {
    const int value = die(random);
    EXPECT_TRUE(1 <= value && value <= 6);
  }
}

}  // namespace
}  // namespace mpipe::test
