// SPDX-License-Identifier: BSD-3-Clause
// Draws lines over an axis, with gaps where there are no values.
#include "report/line_chart.hpp"

#include "report/frame.hpp"
#include "report/markup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace mpipe::app {
namespace {

constexpr double kWidth = 560;
constexpr double kHeight = 300;
constexpr double kTop = 14;
constexpr double kRight = 18;
constexpr double kBottom = 48;
constexpr double kLegendLine = 20;
/// More points than these are too close to be told apart, and to be asked for their values.
constexpr std::size_t kMostMarkers = 60;
/// Beyond this ratio of the largest to the least value, only a logarithmic scale shows the smaller ones.
constexpr double kManyDecades = 1e4;

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

bool is_there(const CurvePoint& point) { return std::isfinite(point.x) && std::isfinite(point.low); }

class LineDrawer {
 public:
  explicit LineDrawer(const LineChart& chart) : chart_(chart) {
    Extent x;
    Extent y;
    for (const Curve& curve : chart.curves)
      for (const CurvePoint& point : curve.points) {
        if (std::isfinite(point.x)) x.add(point.x);
        if (!is_there(point)) continue;
        y.add(point.low);
        y.add(point.high);
      }
    x_ = scale_for(x.low, x.high, chart.logarithmic_x, 0.03);
    y_ = scale_for(y.low, y.high, y.low > 0 && y.high / y.low > kManyDecades, 0.06);
    y_ticks_ = ticks_of(y_, 5);
    frame_.left = 34 + width_of_labels(y_ticks_);
    frame_.top = kTop + (has_legend() ? kLegendLine : 0);
    frame_.width = kWidth - frame_.left - kRight;
    frame_.height = kHeight - kTop - kBottom;
  }

  std::string draw() const {
    std::string svg = begin_svg(kWidth, frame_.bottom() + kBottom,
                                fmt::format("{} over {}", chart_.y_label, chart_.x_label));
    svg += frame_svg(frame_, x_ticks(), y_ticks_, chart_.x_label, chart_.y_label, true);
    for (std::size_t k = 0; k < chart_.curves.size(); ++k) svg += curve_svg(chart_.curves[k], k);
    if (has_legend()) svg += legend();
    return svg + "</svg>\n";
  }

 private:
  bool has_legend() const { return chart_.curves.size() > 1; }

  std::vector<Tick> x_ticks() const {
    if (chart_.categories.empty()) return ticks_of(x_, 7);
    std::vector<Tick> ticks;
    for (std::size_t k = 0; k < chart_.categories.size(); ++k)
      ticks.push_back({x_.position(static_cast<double>(k)), shortened(chart_.categories[k], 20)});
    return ticks;
  }

  double x_of(double value) const { return frame_.left + frame_.width * x_.position(value); }
  double y_of(double value) const { return frame_.bottom() - frame_.height * y_.position(value); }

  /// The line. Where a point is a range, it goes over its whole height.
  std::string path_of(const Curve& curve) const {
    std::string path;
    bool joined = false;
    for (const CurvePoint& point : curve.points) {
      if (!is_there(point)) {
        joined = false;
        continue;
      }
      path += fmt::format("{}{:.1f} {:.1f}", joined ? "L" : "M", x_of(point.x), y_of(point.low));
      if (point.high != point.low) path += fmt::format("V{:.1f}", y_of(point.high));
      joined = true;
    }
    return path;
  }

  /// A point of many is marked when it has no neighbour that a line joins it to: it would not be seen.
  bool is_marked(const Curve& curve, std::size_t k) const {
    if (!is_there(curve.points[k])) return false;
    if (!chart_.joined || curve.points.size() <= kMostMarkers) return true;
    const bool after = k > 0 && is_there(curve.points[k - 1]);
    const bool before = k + 1 < curve.points.size() && is_there(curve.points[k + 1]);
    return !after && !before;
  }

  std::string marker(const CurvePoint& point) const {
    const std::string x = chart_.categories.empty() ? number_text(point.x)
                                                    : chart_.categories[static_cast<std::size_t>(point.x)];
    const std::string y = point.low == point.high ? number_text(point.low, 10)
                                                  : number_text(point.low) + " to " + number_text(point.high);
    return fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}: {}</title></circle>)",
                       x_of(point.x), y_of(point.high), chart_.joined ? 2.6 : 2.2, escaped(x), y);
  }

  std::string curve_svg(const Curve& curve, std::size_t number) const {
    std::string svg = fmt::format(R"(<g class="curve c{}">)", number);
    if (chart_.joined) svg += fmt::format(R"(<path d="{}"/>)", path_of(curve));
    for (std::size_t k = 0; k < curve.points.size(); ++k)
      if (is_marked(curve, k)) svg += marker(curve.points[k]);
    return svg + "</g>";
  }

  /// One line above the frame, in which each curve has the same room.
  std::string legend() const {
    const double room = frame_.width / static_cast<double>(chart_.curves.size());
    std::string svg;
    for (std::size_t k = 0; k < chart_.curves.size(); ++k) {
      const double x = frame_.left + room * static_cast<double>(k);
      svg += fmt::format(
          R"(<g class="curve c{0}"><path d="M{1:.1f} {2:.1f}h18"/></g><text class="tick" x="{3:.1f}" y="{4:.1f}">{5}</text>)",
          k, x, kTop, x + 23, kTop + 4,
          escaped(shortened(chart_.curves[k].name, static_cast<std::size_t>(room / 7))));
    }
    return svg;
  }

  const LineChart& chart_;
  Scale x_;
  Scale y_;
  std::vector<Tick> y_ticks_;
  Frame frame_;
};

}  // namespace

std::string line_chart_svg(const LineChart& chart) { return LineDrawer(chart).draw(); }

}  // namespace mpipe::app
