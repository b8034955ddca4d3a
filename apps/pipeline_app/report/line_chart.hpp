// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Charts of lines, as SVG within a page.
#pragma once

#include <string>
#include <vector>

namespace mpipe::app {

/// One value, or the range of several that are drawn at one place. Not-a-number: there is none.
struct CurvePoint {
  double x = 0;
  double low = 0;
  double high = 0;
};

struct Curve {
  std::string name;  ///< in the legend, which is there when there are several curves
  std::vector<CurvePoint> points;
};

/// Texts are of anybody: they are escaped when they are drawn.
struct LineChart {
  std::string x_label;
  std::string y_label;
  std::vector<Curve> curves;            ///< at most `kMostCurves`
  std::vector<std::string> categories;  ///< at x = 0, 1, ..; empty: x is a number
  bool joined = true;                   ///< by lines; without them points lie where they lie
  bool logarithmic_x = false;
};

inline constexpr std::size_t kMostCurves = 6;

/// A whole `<svg>` element. A point that has no value interrupts its line.
std::string line_chart_svg(const LineChart& chart);

}  // namespace mpipe::app
