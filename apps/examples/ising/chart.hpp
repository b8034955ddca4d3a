// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Charts as self-contained SVG: panels side by side on a light card, which reads on light and dark pages
/// alike.
#pragma once

#include <string>
#include <vector>

namespace ising {

/// A point of a chart. Points that are not finite are left out, and interrupt the line.
struct Point {
  double x;
  double y;
};

enum class Marker { none, circle, square, diamond, ring };

/// Points, joined by a line and marked, in one colour (as in CSS).
struct Series {
  std::string name;  ///< in the legend; series of the same name in several panels are told once
  std::string color;
  Marker marker = Marker::none;
  double line_width = 0;  ///< 0: no line
  std::vector<Point> points;
};

struct Range {
  double low;
  double high;
};

/// A text at a point, in units of the axes.
struct Note {
  Point at;
  std::vector<std::string> lines;
};

/// What lies outside the ranges is cut off.
struct Panel {
  std::string title;
  std::string x_label;
  Range x;
  Range y;
  double x_mark;  ///< where a dashed vertical line is drawn
  std::vector<Series> series;
  std::vector<Note> notes;
};

struct Chart {
  std::string title;
  std::string subtitle;
  std::vector<Panel> panels;
};

/// The SVG document.
std::string draw(const Chart& chart);

/// Round numbers (1, 2 or 5 times a power of ten apart) that divide the range into about `count` parts.
std::vector<double> ticks(Range range, int count);

}  // namespace ising
