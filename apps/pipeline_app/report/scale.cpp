// SPDX-License-Identifier: BSD-3-Clause
// Chooses scales and ticks.
#include "report/scale.hpp"

#include "report/markup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace mpipe::app {
namespace {

/// The distance of ticks: 1, 2 or 5 times a power of ten, so that about `count` of them divide `length`.
double round_step(double length, int count) {
  const double rough = length / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * 0.999) return factor * power;
  return 10 * power;
}

std::vector<Tick> linear_ticks(const Scale& scale, int count) {
  const double step = round_step(scale.high - scale.low, count);
  const double first = std::ceil(scale.low / step - 1e-9);
  const double most = std::max(std::abs(scale.low), std::abs(scale.high));
  // As many digits as tell neighbours apart.
  const int digits = std::clamp(static_cast<int>(std::ceil(std::log10(most / step) - 1e-9)) + 1, 4, 15);
  std::vector<Tick> ticks;
  for (int k = 0; k <= 2 * count; ++k) {
    const double value = (first + k) * step;
    if (value > scale.high + 1e-9 * step) break;
    ticks.push_back({scale.position(value), number_text(value, digits)});
  }
  return ticks;
}

std::vector<Tick> logarithmic_ticks(const Scale& scale, int count) {
  const double decades = std::log10(scale.high) - std::log10(scale.low);
  const int every = std::max(1, static_cast<int>(std::ceil(decades / count)));
  std::vector<Tick> ticks;
  for (int power = static_cast<int>(std::floor(std::log10(scale.low))); power <= 308; ++power) {
    const double unit = std::pow(10.0, power);
    if (unit > scale.high) break;
    if (power % every != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      // Between powers of ten there is room where there are few of them.
      if (factor != 1 && decades > 2) continue;
      const double value = factor * unit;
      if (value >= scale.low * (1 - 1e-9) && value <= scale.high * (1 + 1e-9))
        ticks.push_back({scale.position(value), number_text(value, 4)});
    }
  }
  return ticks;
}

}  // namespace

double Scale::position(double value) const {
  // The ratio of the largest numbers to the least ones is none.
  if (logarithmic) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  // Halved, so that the difference of the largest numbers is one.
  return (value / 2 - low / 2) / (high / 2 - low / 2);
}

Scale scale_for(double low, double high, bool logarithmic, double margin) {
  constexpr double kMost = std::numeric_limits<double>::max() / 8;
  if (!(low <= high)) return {};
  if (logarithmic && low > 0) {
    const double room = std::max((std::log(high) - std::log(low)) * margin, 0.05);
    return {std::max(std::exp(std::log(low) - room), std::numeric_limits<double>::min()),
            std::min(std::exp(std::log(high) + room), kMost), true};
  }
  low = std::clamp(low, -kMost, kMost);
  high = std::clamp(high, -kMost, kMost);
  double room = (high - low) * margin;
  // Numbers that differ by rounding only get a scale as equal ones do, and those too small to be divided as zeros.
  constexpr double kLeast = 1e-290;
  const double size = std::max(std::abs(low), std::abs(high));
  if (high - low <= size * 1e-12 || size < kLeast) room = size < kLeast ? 1 : size * 0.05;
  return {low - room, high + room, false};
}

std::vector<Tick> ticks_of(const Scale& scale, int count) {
  return scale.logarithmic ? logarithmic_ticks(scale, count) : linear_ticks(scale, count);
}

bool are_monotonic(std::span<const double> coordinates) {
  if (std::any_of(coordinates.begin(), coordinates.end(), [](double x) { return std::isnan(x); }))
    return false;
  const auto all = [&](auto compare) {
    return std::adjacent_find(coordinates.begin(), coordinates.end(),
                              [&](double a, double b) { return !compare(a, b); }) == coordinates.end();
  };
  return all(std::less<>()) || all(std::greater<>());
}

bool are_geometric(std::span<const double> coordinates) {
  constexpr double kLeastRange = 8;
  if (coordinates.size() < 3 || !are_monotonic(coordinates)) return false;
  const auto [low, high] = std::minmax(coordinates.front(), coordinates.back());
  if (!(low > 0) || !std::isfinite(high) || high / low < kLeastRange) return false;
  // Where steps of the logarithms are more even than steps of the values, they were meant.
  double ratio_most = 0;
  double ratio_least = std::numeric_limits<double>::infinity();
  double step_most = 0;
  double step_least = std::numeric_limits<double>::infinity();
  for (std::size_t k = 1; k < coordinates.size(); ++k) {
    const double ratio = std::abs(std::log(coordinates[k] / coordinates[k - 1]));
    const double step = std::abs(coordinates[k] - coordinates[k - 1]);
    ratio_most = std::max(ratio_most, ratio);
    ratio_least = std::min(ratio_least, ratio);
    step_most = std::max(step_most, step);
    step_least = std::min(step_least, step);
  }
  return ratio_most * step_least < step_most * ratio_least;
}

}  // namespace mpipe::app
