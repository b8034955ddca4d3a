// SPDX-License-Identifier: BSD-3-Clause
// Draws charts as SVG: axes, lines, markers, notes and a legend, with a style of their own in the file.
#include "chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace ising {
namespace {

// All lengths are pixels of the picture.
constexpr double kPanelWidth = 290;
constexpr double kPanelHeight = 250;
constexpr double kPanelGap = 62;
constexpr double kLeft = 60;
constexpr double kRight = 26;
constexpr double kTop = 116;
constexpr double kBottom = 56;

constexpr const char* kStyle = R"(<style>
text { font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; fill: #24292f; }
.title { font-size: 19px; font-weight: 600; }
.subtitle, .note { font-size: 13px; fill: #57606a; }
.panel { font-size: 14px; font-weight: 600; }
.legend { font-size: 13px; }
.tick { font-size: 12px; fill: #57606a; }
.grid { stroke: #eaeef2; stroke-width: 1; }
.axis { stroke: #8c959f; stroke-width: 1; fill: none; }
.point { stroke: #ffffff; stroke-width: 0.8; }
.ring { stroke-width: 2; fill: none; }
.mark { stroke: #57606a; stroke-width: 1; stroke-dasharray: 4 4; }
</style>)";

bool is_finite(Point point) { return std::isfinite(point.x) && std::isfinite(point.y); }

/// A tick's label, with as many digits as its neighbours need, and a true minus sign.
std::string label(double tick, const std::vector<double>& ticks) {
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return fmt::format("{}{:.{}f}", tick < 0 ? "\u2212" : "", std::abs(tick), digits);
}

/// Titles and labels are text of others: a < in them would begin an element of the picture.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else
      result += c;
  }
  return result;
}

/// Writes one SVG document.
class Canvas {
 public:
  /// One line.
  template <class... Arguments>
  void put(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
    text_ += '\n';
  }
  void text(Point at, const char* style, const char* anchor, const std::string& words) {
    put(R"(<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)", style, at.x, at.y, anchor,
        escaped(words));
  }
  void line(const char* style, Point from, Point to) {
    put(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", style, from.x, from.y, to.x,
        to.y);
  }
  void marker(Marker shape, Point at, const std::string& color) {
    switch (shape) {
      case Marker::none:
        return;
      case Marker::circle:
        return put(R"(<circle class="point" cx="{:.2f}" cy="{:.2f}" r="4" fill="{}"/>)", at.x, at.y, color);
      case Marker::square:
        return put(R"(<rect class="point" x="{:.2f}" y="{:.2f}" width="7" height="7" fill="{}"/>)",
                   at.x - 3.5, at.y - 3.5, color);
      case Marker::diamond:
        return put(R"(<path class="point" d="M{:.2f} {:.2f}l4.6 4.6l-4.6 4.6l-4.6 -4.6z" fill="{}"/>)", at.x,
                   at.y - 4.6, color);
      case Marker::ring:
        return put(R"(<circle class="ring" cx="{:.2f}" cy="{:.2f}" r="9" stroke="{}"/>)", at.x, at.y, color);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// Draws one panel with its upper left corner at a point of the canvas.
class PanelDrawer {
 public:
  PanelDrawer(Canvas& canvas, const Panel& panel, Point corner, std::size_t number)
      : canvas_(canvas), panel_(panel), corner_(corner), number_(number) {}

  void operator()() {
    canvas_.text({corner_.x, corner_.y - 12}, "panel", "start", panel_.title);
    draw_axes();
    canvas_.put(R"(<clipPath id="panel{}"><rect x="{:.1f}" y="{:.1f}" width="{}" height="{}"/></clipPath>)",
                number_, corner_.x, corner_.y, kPanelWidth, kPanelHeight);
    // Lines are cut off at the edge of the panel, where they may leave it between two points. Markers come
    // behind them, whole or not at all, so that no line crosses one.
    canvas_.put("<g clip-path='url(#panel{})'>", number_);
    canvas_.line("mark", place({panel_.x_mark, panel_.y.low}), place({panel_.x_mark, panel_.y.high}));
    for (const Series& series : panel_.series) draw_line(series);
    canvas_.put("</g>");
    for (const Series& series : panel_.series) draw_markers(series);
    for (const Note& note : panel_.notes) draw_note(note);
  }

 private:
  Point place(Point point) const {
    return {corner_.x + kPanelWidth * (point.x - panel_.x.low) / (panel_.x.high - panel_.x.low),
            corner_.y + kPanelHeight * (panel_.y.high - point.y) / (panel_.y.high - panel_.y.low)};
  }

  bool is_inside(Point point) const {
    return panel_.x.low <= point.x && point.x <= panel_.x.high && panel_.y.low <= point.y &&
           point.y <= panel_.y.high;
  }

  void draw_axes() {
    const double bottom = corner_.y + kPanelHeight;
    const std::vector<double> x_ticks = ticks(panel_.x, 4);
    for (const double x : x_ticks) {
      const double at = place({x, 0}).x;
      canvas_.line("grid", {at, corner_.y}, {at, bottom});
      canvas_.text({at, bottom + 18}, "tick", "middle", label(x, x_ticks));
    }
    const std::vector<double> y_ticks = ticks(panel_.y, 6);
    for (const double y : y_ticks) {
      const double at = place({0, y}).y;
      canvas_.line("grid", {corner_.x, at}, {corner_.x + kPanelWidth, at});
      canvas_.text({corner_.x - 8, at + 4}, "tick", "end", label(y, y_ticks));
    }
    canvas_.line("axis", {corner_.x, corner_.y}, {corner_.x, bottom});
    canvas_.line("axis", {corner_.x, bottom}, {corner_.x + kPanelWidth, bottom});
    canvas_.text({corner_.x + kPanelWidth / 2, bottom + 40}, "tick", "middle", panel_.x_label);
  }

  void draw_line(const Series& series) {
    if (series.line_width <= 0) return;
    std::string path;
    bool joined = false;
    for (const Point& point : series.points) {
      if (is_finite(point)) {
        const Point at = place(point);
        path += fmt::format("{}{:.2f} {:.2f}", joined ? "L" : "M", at.x, at.y);
      }
      // A point that is missing interrupts the line, which begins anew behind it.
      joined = is_finite(point);
    }
    canvas_.put(R"(<path d="{}" fill="none" stroke="{}" stroke-width="{}" stroke-linejoin="round"/>)", path,
                series.color, series.line_width);
  }

  void draw_markers(const Series& series) {
    for (const Point& point : series.points)
      if (is_finite(point) && is_inside(point)) canvas_.marker(series.marker, place(point), series.color);
  }

  void draw_note(const Note& note) {
    if (!is_finite(note.at)) return;
    Point at = place(note.at);
    for (const std::string& line : note.lines) {
      canvas_.text(at, "note", "start", line);
      at.y += 17;
    }
  }

  Canvas& canvas_;
  const Panel& panel_;
  Point corner_;
  std::size_t number_;
};

void draw_legend(Canvas& canvas, const Chart& chart) {
  std::vector<std::string> told;
  double x = kLeft;
  const double y = kTop - 42;
  for (const Panel& panel : chart.panels)
    for (const Series& series : panel.series) {
      if (series.name.empty() || std::find(told.begin(), told.end(), series.name) != told.end()) continue;
      told.push_back(series.name);
      if (series.line_width > 0)
        canvas.put(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{}"/>)",
                   x, y - 4.5, x + 24, y - 4.5, series.color, series.line_width);
      canvas.marker(series.marker, {x + 12, y - 4.5}, series.color);
      canvas.text({x + 31, y}, "legend", "start", series.name);
      x += 31 + 6.4 * static_cast<double>(series.name.size()) + 22;
    }
}

}  // namespace

std::vector<double> ticks(Range range, int count) {
  const double rough = (range.high - range.low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0})
    if (std::abs(factor * power - rough) < std::abs(step - rough)) step = factor * power;
  std::vector<double> result;
  // Rounding may put the last tick a hair beyond the end of the range.
  const double tolerance = 1e-9;
  for (double k = std::ceil(range.low / step - tolerance); k * step <= range.high + tolerance * step; ++k)
    // A zero of its own, because k may be -0, whose label would have a sign.
    result.push_back(k == 0 ? 0 : k * step);
  return result;
}

std::string draw(const Chart& chart) {
  const auto count = static_cast<double>(chart.panels.size());
  const double width = kLeft + count * kPanelWidth + (count - 1) * kPanelGap + kRight;
  const double height = kTop + kPanelHeight + kBottom;
  Canvas canvas;
  canvas.put(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img">)",
      width, height);
  canvas.put("<title>{}</title>\n{}", escaped(chart.title), kStyle);
  canvas.put(R"(<rect x="0.5" y="0.5" width="{}" height="{}" rx="8" fill="#ffffff" stroke="#d0d7de"/>)",
             width - 1, height - 1);
  canvas.text({kLeft, 32}, "title", "start", chart.title);
  canvas.text({kLeft, 52}, "subtitle", "start", chart.subtitle);
  draw_legend(canvas, chart);
  for (std::size_t number = 0; number < chart.panels.size(); ++number) {
    const Point corner{kLeft + static_cast<double>(number) * (kPanelWidth + kPanelGap), kTop};
    PanelDrawer(canvas, chart.panels[number], corner, number)();
  }
  canvas.put("</svg>");
  return canvas.take();
}

}  // namespace ising
