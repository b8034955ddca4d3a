// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What charts have in common: a rectangle with ticks and labels.
#pragma once

#include "report/scale.hpp"

#include <string>
#include <vector>

namespace mpipe::app {

/// The rectangle within the margins of a picture, in pixels.
struct Frame {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

/// Ticks and their labels at the lower and the left side, and the names of the axes. `grid`: with lines through the
/// frame at the ticks.
std::string frame_svg(const Frame& frame, const std::vector<Tick>& x, const std::vector<Tick>& y,
                      const std::string& x_label, const std::string& y_label, bool grid);

/// The room that labels of these ticks take beside an axis, in pixels.
double width_of_labels(const std::vector<Tick>& ticks);

/// `<svg ..>` of this size, with what screen readers say of it; `</svg>` is left to the caller. One that `shrinks` is made
/// smaller where the page is narrow; the page scrolls to the rest of another one.
std::string begin_svg(double width, double height, const std::string& words, bool shrinks = true);

}  // namespace mpipe::app
