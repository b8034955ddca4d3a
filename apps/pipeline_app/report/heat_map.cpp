// SPDX-License-Identifier: BSD-3-Clause
// Draws planes of values in colours, and the bar that tells the colours.
#include "report/heat_map.hpp"

#include "report/frame.hpp"
#include "report/markup.hpp"
#include "report/png.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mpipe::app {
namespace {

constexpr double kTop = 10;
constexpr double kRight = 14;
constexpr double kBottom = 48;
constexpr double kLargeSide = 400;
constexpr double kSmallSide = 205;
constexpr double kBarWidth = 16;
/// No picture is flatter or narrower than this part of its larger side.
constexpr double kLeastAspect = 0.35;

/// From 1 to 255, by the position of a value in the range; 0 for no value.
std::uint8_t colour_of(double value, const ValueRange& range) {
  if (!std::isfinite(value)) return 0;
  // Halved, so that the difference of the largest numbers is one.
  const double length = range.high / 2 - range.low / 2;
  const double part = length > 0 ? std::clamp((value / 2 - range.low / 2) / length, 0.0, 1.0) : 0.5;
  return static_cast<std::uint8_t>(1 + std::lround(part * 254));
}

/// The topmost row first, as pictures have it.
std::vector<std::uint8_t> pixels_of(const HeatMap& map) {
  std::vector<std::uint8_t> pixels;
  pixels.reserve(map.values.size());
  for (std::size_t row = map.rows; row-- > 0;)
    for (std::size_t column = 0; column < map.columns; ++column)
      pixels.push_back(colour_of(map.values[row * map.columns + column], map.range));
  return pixels;
}

Frame frame_of(const HeatMap& map) {
  const double side = map.small ? kSmallSide : kLargeSide;
  const double aspect = static_cast<double>(map.rows) / static_cast<double>(map.columns);
  Frame frame{34 + width_of_labels(map.y_ticks), kTop, side, side};
  if (aspect < 1)
    frame.height = side * std::max(aspect, kLeastAspect);
  else
    frame.width = side * std::max(1 / aspect, kLeastAspect);
  return frame;
}

std::string picture(const Frame& frame, const std::vector<std::uint8_t>& pixels, std::size_t width) {
  return fmt::format(
      R"(<image x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" preserveAspectRatio="none" href="{}"/>)",
      frame.left, frame.top, frame.width, frame.height, png_uri(pixels, static_cast<std::uint32_t>(width)));
}

}  // namespace

std::string heat_map_svg(const HeatMap& map) {
  const Frame frame = frame_of(map);
  std::string svg = begin_svg(frame.right() + kRight, frame.bottom() + kBottom,
                              fmt::format("values over {} and {}", map.x_label, map.y_label));
  svg += fmt::format(R"(<rect class="gap" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)",
                     frame.left, frame.top, frame.width, frame.height);
  svg += picture(frame, pixels_of(map), map.columns);
  svg += frame_svg(frame, map.x_ticks, map.y_ticks, map.x_label, map.y_label, false);
  return svg + "</svg>\n";
}

std::string colour_bar_svg(const HeatMap& map, const std::string& label) {
  const ValueRange& range = map.range;
  const Scale scale = range.low < range.high ? Scale{range.low, range.high, false}
                                             : scale_for(range.low, range.high, false, 0);
  const std::vector<Tick> ticks = ticks_of(scale, std::max(2, static_cast<int>(frame_of(map).height / 50)));
  const double labels = width_of_labels(ticks);
  const Frame frame{6, kTop, kBarWidth, frame_of(map).height};
  std::vector<std::uint8_t> colours;
  for (int colour = 255; colour > 0; --colour) colours.push_back(static_cast<std::uint8_t>(colour));
  // A single value has a single colour.
  if (range.low >= range.high) colours.assign(1, colour_of(range.low, range));
  std::string svg = begin_svg(frame.right() + labels + 36, frame.bottom() + kBottom, "colours of " + label);
  svg += picture(frame, colours, 1);
  svg += fmt::format(R"(<rect class="frame" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>)",
                     frame.left, frame.top, frame.width, frame.height);
  for (const Tick& tick : ticks) {
    const double y = frame.bottom() - frame.height * tick.position;
    svg += fmt::format(R"(<line class="axis" x1="{0:.1f}" y1="{2:.1f}" x2="{1:.1f}" y2="{2:.1f}"/>)",
                       frame.right(), frame.right() + 4, y);
    svg += fmt::format(R"(<text class="tick" x="{:.1f}" y="{:.1f}">{}</text>)", frame.right() + 8, y + 4,
                       escaped(tick.label));
  }
  const double beside = frame.right() + labels + 24;
  svg += fmt::format(
      R"svg(<text class="label" x="{0:.1f}" y="{1:.1f}" text-anchor="middle" transform="rotate(-90 {0:.1f} {1:.1f})">{2}</text>)svg",
      beside, frame.top + frame.height / 2,
      escaped(shortened(label, static_cast<std::size_t>(frame.height / 7))));
  return svg + "</svg>\n";
}

}  // namespace mpipe::app
