// SPDX-License-Identifier: BSD-3-Clause
// Scales and ticks, also of numbers that leave little room for them.
#include "report/scale.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mpipe::app {
namespace {

std::vector<std::string> labels(const Scale& scale, int count) {
  std::vector<std::string> labels;
  for (const Tick& tick : ticks_of(scale, count)) labels.push_back(tick.label);
  return labels;
}

using Texts = std::vector<std::string>;

TEST(Ticks, are_round_numbers_with_digits_that_tell_them_apart) {
  EXPECT_EQ(labels({0, 1}, 5), (Texts{"0", "0.2", "0.4", "0.6", "0.8", "1"}));
  EXPECT_EQ(labels({-10, 10}, 4), (Texts{"\u221210", "\u22125", "0", "5", "10"}));
  EXPECT_EQ(labels({1000.1, 1000.4}, 3), (Texts{"1000.1", "1000.2", "1000.3", "1000.4"}));
  EXPECT_EQ(labels({0, 100}, 2), (Texts{"0", "50", "100"}));
  EXPECT_EQ(labels({0, 3e6}, 3), (Texts{"0", "1e6", "2e6", "3e6"}));
}

TEST(Ticks, of_logarithmic_scales_are_powers_of_ten) {
  EXPECT_EQ(labels({1, 1000, true}, 5), (Texts{"1", "10", "100", "1000"}));
  EXPECT_EQ(labels({1, 20, true}, 5), (Texts{"1", "2", "5", "10", "20"}));
  const auto ticks = ticks_of({1, 1e100, true}, 5);
  ASSERT_LE(ticks.size(), 7u);
  EXPECT_NEAR(ticks_of({1, 100, true}, 5)[1].position, std::log10(2) / 2, 1e-12);
}

TEST(Scales, hold_all_values_and_are_never_empty) {
  constexpr double kMost = std::numeric_limits<double>::max();
  constexpr double kLeast = std::numeric_limits<double>::denorm_min();
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{0, 0},
                                                                        {1, 1},
                                                                        {-1, 1},
                                                                        {1e300, 1e300},
                                                                        {-kMost, kMost},
                                                                        {0, kLeast},
                                                                        {1, 1 + 1e-15},
                                                                        {1e-300, 1e300}})
    for (const bool logarithmic : {false, true}) {
      const Scale scale = scale_for(low, high, logarithmic, 0.05);
      EXPECT_LT(scale.low, scale.high) << low << " " << high;
      EXPECT_TRUE(std::isfinite(scale.low) && std::isfinite(scale.high));
      const auto ticks = ticks_of(scale, 5);
      EXPECT_LE(ticks.size(), 20u);
      for (const Tick& tick : ticks) {
        EXPECT_GE(tick.position, -1e-6) << low << " " << high << " " << tick.label;
        EXPECT_LE(tick.position, 1 + 1e-6) << low << " " << high << " " << tick.label;
      }
    }
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_LT(scale_for(kNan, kNan, false, 0.1).low, scale_for(kNan, kNan, false, 0.1).high);
}

TEST(Coordinates, are_looked_at_for_their_order_and_their_spread) {
  const auto monotonic = [](std::vector<double> x) { return are_monotonic(x); };
  const auto geometric = [](std::vector<double> x) { return are_geometric(x); };
  EXPECT_TRUE(monotonic({1, 2, 5}));
  EXPECT_TRUE(monotonic({5, 2, 1}));
  EXPECT_FALSE(monotonic({1, 3, 2}));
  EXPECT_FALSE(monotonic({1, 1}));
  EXPECT_FALSE(monotonic({1, std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_TRUE(geometric({1, 10, 100}));
  EXPECT_TRUE(geometric({1e5, 3e5, 1e6}));
  EXPECT_FALSE(geometric({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_FALSE(geometric({0, 10, 100}));
  EXPECT_FALSE(geometric({1, 100, 10}));
}

}  // namespace
}  // namespace mpipe::app
