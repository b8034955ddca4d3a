// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Pictures of planes, as SVG within a page.
#pragma once

#include "report/scale.hpp"

#include <string>
#include <vector>

namespace mpipe::app {

/// The range of values that colours stand for.
struct ValueRange {
  double low = 0;
  double high = 0;
};

/// Texts are of anybody: they are escaped when they are drawn.
struct HeatMap {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<double> values;  ///< row by row, the lowest row first; not-a-number: there is none
  ValueRange range;
  std::string x_label;
  std::string y_label;
  std::vector<Tick> x_ticks = {};
  std::vector<Tick> y_ticks = {};
  bool small = false;  ///< one of several beside each other
};

/// A whole `<svg>` element; what has no value is hatched.
std::string heat_map_svg(const HeatMap& map);

/// The colours and the values that they stand for, as high as this picture and others of its size.
std::string colour_bar_svg(const HeatMap& map, const std::string& label);

}  // namespace mpipe::app
