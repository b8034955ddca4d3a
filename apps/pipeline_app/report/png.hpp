// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Pictures within a page.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace mpipe::app {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  std::uint8_t alpha = 255;
};

/// Number 0 is transparent, for what has no value. From 1 to 255 the colours of "viridis", from dark to light: evenly spaced
/// to the eye, also in print and to those who do not see all colours.
const std::array<Colour, 256>& value_colours();

/// `data:image/png;base64,..`: a picture of `width` times as many pixels as fill it, by their numbers among `value_colours`,
/// the topmost row first. Throws `Error` (internal_error) when it cannot be made.
std::string png_uri(std::span<const std::uint8_t> pixels, std::uint32_t width);

}  // namespace mpipe::app
