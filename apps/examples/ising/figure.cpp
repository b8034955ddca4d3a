// SPDX-License-Identifier: BSD-3-Clause
// Makes the three panels of a sweep: magnetisation and energy beside the exact curves, and the cumulants.
#include "figure.hpp"

#include "binder.hpp"
#include "exact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace ising {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kExactColor = "#24292f";
constexpr const char* kCrossingColor = "#cf222e";

struct Look {
  const char* color;
  Marker marker;
};
// From the smallest lattice to the largest, over again if there are more; told apart without colours, too.
constexpr std::array<Look, 3> kLooks{
    {{"#e69f00", Marker::circle}, {"#1b9e77", Marker::square}, {"#0969da", Marker::diamond}}};

/// One series per lattice size.
std::vector<Series> series_of(const Sweep& sweep, const std::vector<double>& values, double line_width) {
  std::vector<Series> result;
  for (std::size_t l = 0; l < sweep.sizes.size(); ++l) {
    const Look& look = kLooks[l % kLooks.size()];
    Series series{fmt::format("L = {}", sweep.sizes[l]), look.color, look.marker, line_width, {}};
    for (std::size_t t = 0; t < sweep.temperatures.size(); ++t)
      series.points.push_back({sweep.temperatures[t], values[sweep.at(t, l)]});
    result.push_back(std::move(series));
  }
  return result;
}

/// The points lie densest at the critical temperature, where the magnetisation falls steeply.
Series exact_series(Range temperatures, double (*exact)(double)) {
  Series series{"exact, infinite lattice", kExactColor, Marker::none, 1.5, {}};
  constexpr int steps = 300;
  const double center = critical_temperature();
  for (int step = -steps; step <= steps; ++step) {
    const double part = static_cast<double>(step) / steps;
    const double reach = step < 0 ? center - temperatures.low : temperatures.high - center;
    // The cube gathers the points around its zero and still reaches both ends.
    const double temperature = center + reach * part * part * part;
    series.points.push_back({temperature, exact(temperature)});
  }
  return series;
}

/// From the lowest to the highest value, and a little more.
Range range_of(const std::vector<double>& values, Range at_least) {
  Range range = at_least;
  for (const double value : values)
    if (std::isfinite(value)) range = {std::min(range.low, value), std::max(range.high, value)};
  const double margin = 0.03 * (range.high - range.low);
  return {range.low - margin, range.high + margin};
}

Panel panel_with_exact(const Sweep& sweep, const std::vector<double>& values, double (*exact)(double)) {
  Panel panel;
  panel.x_label = "temperature T";
  panel.x = range_of(sweep.temperatures, {critical_temperature() - 0.1, critical_temperature() + 0.1});
  panel.x_mark = critical_temperature();
  panel.series.push_back(exact_series(panel.x, exact));
  for (Series& series : series_of(sweep, values, 0)) panel.series.push_back(std::move(series));
  return panel;
}

/// How high the curves are where the run found their crossing; NaN where it found none.
double binder_at_crossing(const Sweep& sweep) {
  if (!std::isfinite(sweep.critical_temperature)) return kNaN;
  return binder_crossing(sweep.temperatures, sweep.sizes, sweep.binder).binder;
}

std::vector<std::string> crossing_note(double temperature) {
  if (!std::isfinite(temperature)) return {"no crossing found"};
  return {"curves cross at", fmt::format("T = {:.4f}", temperature),
          fmt::format("exact: {:.4f}", critical_temperature())};
}

Panel binder_panel(const Sweep& sweep) {
  Panel panel;
  panel.title = "Binder cumulant 1 − ⟨m⁴⟩ / 3⟨m²⟩²";
  panel.x_label = "temperature T";
  panel.x = {critical_temperature() - 0.085, critical_temperature() + 0.085};
  panel.y = {0.3, 0.7};
  panel.x_mark = critical_temperature();
  panel.series = series_of(sweep, sweep.binder, 1.5);
  panel.series.push_back(
      {"", kCrossingColor, Marker::ring, 0, {{sweep.critical_temperature, binder_at_crossing(sweep)}}});
  panel.notes.push_back({{panel.x.low + 0.01, 0.44}, crossing_note(sweep.critical_temperature)});
  return panel;
}

}  // namespace

Chart figure_of(const Sweep& sweep) {
  Panel magnetization = panel_with_exact(sweep, sweep.magnetization, exact_magnetization);
  magnetization.title = "Magnetisation per spin ⟨|m|⟩";
  magnetization.y = {0, 1.04};
  Panel energy = panel_with_exact(sweep, sweep.energy, exact_energy);
  energy.title = "Energy per spin ⟨e⟩";
  energy.y = range_of(sweep.energy, {-2, -0.8});
  return {"The two-dimensional Ising model, simulated and exact",
          fmt::format(
              "{} temperatures, Wolff clusters on L × L periodic lattices; dashed: the critical temperature",
              sweep.temperatures.size()),
          {std::move(magnetization), std::move(energy), binder_panel(sweep)}};
}

}  // namespace ising
