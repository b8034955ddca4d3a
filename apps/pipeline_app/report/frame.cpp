// SPDX-License-Identifier: BSD-3-Clause
// Draws the frame of a chart.
#include "report/frame.hpp"

#include "core/api/text.hpp"
#include "report/markup.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::app {
namespace {

constexpr double kTick = 5;
constexpr double kLetter = 6.6;  // width of one at the size of ticks

double letters(const std::string& text) {
  return static_cast<double>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

/// Ticks whose labels would overlap those before them lose their labels.
std::string x_ticks(const Frame& frame, const std::vector<Tick>& ticks, bool grid) {
  std::string svg;
  double free_from = 0;
  for (const Tick& tick : ticks) {
    const double x = frame.left + frame.width * tick.position;
    if (grid)
      svg += fmt::format(R"(<line class="grid" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)", x,
                         frame.top, frame.bottom());
    svg += fmt::format(R"(<line class="axis" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)", x,
                       frame.bottom(), frame.bottom() + kTick);
    const double half = letters(tick.label) * kLetter / 2;
    if (x - half < free_from) continue;
    free_from = x + half + kLetter;
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)", x,
                       frame.bottom() + 18, escaped(tick.label));
  }
  return svg;
}

std::string y_ticks(const Frame& frame, const std::vector<Tick>& ticks, bool grid) {
  std::string svg;
  double free_below = frame.bottom() + 100;
  for (const Tick& tick : ticks) {
    const double y = frame.bottom() - frame.height * tick.position;
    if (grid)
      svg += fmt::format(R"(<line class="grid" x1="{1:.1f}" y1="{0:.1f}" x2="{2:.1f}" y2="{0:.1f}"/>)", y,
                         frame.left, frame.right());
    svg += fmt::format(R"(<line class="axis" x1="{1:.1f}" y1="{0:.1f}" x2="{2:.1f}" y2="{0:.1f}"/>)", y,
                       frame.left - kTick, frame.left);
    if (y + 10 > free_below) continue;
    free_below = y - 2;
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>)",
                       frame.left - 8, y + 4, escaped(tick.label));
  }
  return svg;
}

}  // namespace

double width_of_labels(const std::vector<Tick>& ticks) {
  double most = 0;
  for (const Tick& tick : ticks) most = std::max(most, letters(tick.label) * kLetter);
  return most;
}

std::string begin_svg(double width, double height, const std::string& words, bool shrinks) {
  return fmt::format(
      R"(<svg class="chart{0}" viewBox="0 0 {1:.0f} {2:.0f}" width="{1:.0f}" height="{2:.0f}" )"
      R"(role="img" aria-label="{3}">)",
      shrinks ? "" : " natural", width, height, escaped(words));
}

std::string frame_svg(const Frame& frame, const std::vector<Tick>& x, const std::vector<Tick>& y,
                      const std::string& x_label, const std::string& y_label, bool grid) {
  std::string svg = x_ticks(frame, x, grid) + y_ticks(frame, y, grid);
  svg += fmt::format(R"(<rect class="frame" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)",
                     frame.left, frame.top, frame.width, frame.height);
  svg += fmt::format(R"(<text class="label" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                     frame.left + frame.width / 2, frame.bottom() + 38, escaped(x_label));
  const double middle = frame.top + frame.height / 2;
  const double beside = frame.left - 16 - width_of_labels(y);
  svg += fmt::format(
      R"svg(<text class="label" x="{0:.1f}" y="{1:.1f}" text-anchor="middle" transform="rotate(-90 {0:.1f} {1:.1f})">{2}</text>)svg",
      beside, middle, escaped(y_label));
  return svg;
}

}  // namespace mpipe::app
