// SPDX-License-Identifier: BSD-3-Clause
#include "ising/binder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

namespace ising {
namespace {

using Curve = std::vector<double>;

Curve temperatures_between(double low, double high, int count) {
  Curve result;
  for (int k = 0; k < count; ++k) result.push_back(low + (high - low) * k / (count - 1));
  return result;
}

/// Falls from 2/3 to 0, the more steeply the larger the lattice, and through 0.61 at T = 2.25 for all.
Curve model_curve(const Curve& temperatures, double size) {
  Curve result;
  const double offset = std::log((2.0 / 3 - 0.61) / 0.61);
  for (const double t : temperatures) result.push_back(2.0 / 3 / (1 + std::exp(offset + size * (t - 2.25))));
  return result;
}

TEST(FindCrossing, OfStraightLinesIsExact) {
  const Crossing crossing = find_crossing(Curve{1, 2, 3}, Curve{3, 2, 1}, Curve{4, 2.5, 0});
  EXPECT_DOUBLE_EQ(crossing.temperature, 2 + 1.0 / 3);
  EXPECT_DOUBLE_EQ(crossing.binder, 2 - 1.0 / 3);
}

TEST(FindCrossing, OnAPointOfTheCurves) {
  const Crossing crossing = find_crossing(Curve{1, 2, 3}, Curve{3, 2, 1}, Curve{4, 2, 0});
  EXPECT_DOUBLE_EQ(crossing.temperature, 2);
  EXPECT_DOUBLE_EQ(crossing.binder, 2);
}

TEST(FindCrossing, OfModelCurves) {
  const Curve temperatures = temperatures_between(1.5, 3.2, 81);
  const Crossing crossing =
      find_crossing(temperatures, model_curve(temperatures, 16), model_curve(temperatures, 64));
  EXPECT_NEAR(crossing.temperature, 2.25, 0.003);
  EXPECT_NEAR(crossing.binder, 0.61, 0.003);
}

TEST(FindCrossing, IsNotMisledByNoiseFarFromIt) {
  const Curve temperatures = temperatures_between(1.0, 3.5, 51);
  std::mt19937_64 random(5);
  std::normal_distribution<double> noise(0, 0.002);
  int misleading = 0;
  for (int repeat = 0; repeat < 100; ++repeat) {
    Curve smaller = model_curve(temperatures, 16);
    Curve larger = model_curve(temperatures, 64);
    for (double& value : smaller) value += noise(random);
    for (double& value : larger) value += noise(random);
    int crossings = 0;
    for (std::size_t t = 1; t < temperatures.size(); ++t)
      crossings += larger[t - 1] > smaller[t - 1] && larger[t] <= smaller[t];
    misleading += crossings > 1;
    ASSERT_NEAR(find_crossing(temperatures, smaller, larger).temperature, 2.25, 0.03) << repeat;
  }
  EXPECT_GT(misleading, 90);
}

TEST(FindCrossing, IsNaNWhereThereIsNone) {
  const Curve temperatures{1, 2, 3};
  for (const Crossing& crossing :
       {find_crossing(temperatures, Curve{0, 0, 0}, Curve{1, 1, 1}),  // leads all along
        find_crossing(temperatures, Curve{1, 1, 1}, Curve{0, 0, 0}),  // follows all along
        find_crossing(temperatures, Curve{1, 1, 1}, Curve{0, 1, 2}),  // crosses upwards
        find_crossing(temperatures, Curve{1, 1, 1}, Curve{1, 1, 1}),  // the same curve
        find_crossing(Curve{2}, Curve{1}, Curve{1}), find_crossing(Curve{}, Curve{}, Curve{})}) {
    EXPECT_TRUE(std::isnan(crossing.temperature));
    EXPECT_TRUE(std::isnan(crossing.binder));
  }
}

TEST(FindCrossing, DoesNotInventOneFromNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(find_crossing(Curve{1, 2}, Curve{0, nan}, Curve{1, 0}).temperature));
  EXPECT_TRUE(std::isnan(find_crossing(Curve{1, 2, 3}, Curve{0, nan, 1}, Curve{1, 1, 0}).temperature));
}

TEST(FindCrossing, RefusesWhatDoesNotFit) {
  EXPECT_THROW(find_crossing(Curve{1, 2}, Curve{1}, Curve{1, 2}), std::invalid_argument);
  EXPECT_THROW(find_crossing(Curve{1, 2}, Curve{1, 2}, Curve{1, 2, 3}), std::invalid_argument);
  EXPECT_THROW(find_crossing(Curve{2, 1}, Curve{1, 2}, Curve{1, 2}), std::invalid_argument);
  EXPECT_THROW(find_crossing(Curve{1, 1}, Curve{1, 2}, Curve{1, 2}), std::invalid_argument);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(find_crossing(Curve{1, nan}, Curve{1, 2}, Curve{1, 2}), std::invalid_argument);
}

TEST(BinderCrossing, TakesTheSmallestAndTheLargestSizeInAnyOrder) {
  const Curve temperatures{1, 2};
  const std::vector<std::int64_t> sizes{32, 64, 16};
  const Curve binder{0.5, 1, -1, 0, -1, 1};  // 32 and 64 cross at 1.33, 16 and 32 at 1.6
  EXPECT_DOUBLE_EQ(binder_crossing(temperatures, sizes, binder).temperature, 1.5);
}

TEST(BinderCrossing, RefusesTooFewSizes) {
  const std::vector<std::int64_t> none;
  const std::vector<std::int64_t> one{16};
  const std::vector<std::int64_t> equal{16, 16};
  EXPECT_THROW(binder_crossing(Curve{1, 2}, none, Curve{}), std::invalid_argument);
  EXPECT_THROW(binder_crossing(Curve{1, 2}, one, Curve{1, 2}), std::invalid_argument);
  EXPECT_THROW(binder_crossing(Curve{1, 2}, equal, Curve{1, 2, 3, 4}), std::invalid_argument);
}

TEST(BinderCrossing, RefusesAnArrayOfAnotherShape) {
  const std::vector<std::int64_t> sizes{16, 32};
  EXPECT_THROW(binder_crossing(Curve{1, 2}, sizes, Curve{1, 2, 3}), std::invalid_argument);
}

}  // namespace
}  // namespace ising
