// SPDX-License-Identifier: BSD-3-Clause
// Makes pictures as PNG, and writes them as the text of an address.
#include "report/png.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <png.h>

#include <cmath>
#include <vector>

namespace mpipe::app {
namespace {

/// The colours at even distances, between which straight lines are drawn.
constexpr std::array<Colour, 11> kAnchors{{{0x44, 0x01, 0x54},
                                           {0x48, 0x24, 0x75},
                                           {0x41, 0x44, 0x87},
                                           {0x35, 0x5f, 0x8d},
                                           {0x2a, 0x78, 0x8e},
                                           {0x21, 0x91, 0x8c},
                                           {0x22, 0xa8, 0x84},
                                           {0x44, 0xbf, 0x70},
                                           {0x7a, 0xd1, 0x51},
                                           {0xbd, 0xdf, 0x26},
                                           {0xfd, 0xe7, 0x25}}};

std::uint8_t between(std::uint8_t from, std::uint8_t to, double part) {
  return static_cast<std::uint8_t>(std::lround(from + part * (to - from)));
}

std::array<Colour, 256> make_colours() {
  std::array<Colour, 256> colours{};
  colours[0].alpha = 0;
  for (std::size_t k = 1; k < colours.size(); ++k) {
    const double at = static_cast<double>(k - 1) / 254 * (kAnchors.size() - 1);
    const std::size_t anchor = std::min(static_cast<std::size_t>(at), kAnchors.size() - 2);
    const double part = at - static_cast<double>(anchor);
    const Colour& from = kAnchors[anchor];
    const Colour& to = kAnchors[anchor + 1];
    colours[k] = {between(from.red, to.red, part), between(from.green, to.green, part),
                  between(from.blue, to.blue, part), 255};
  }
  return colours;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) three = three << 8U | (k < count ? bytes[at + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[three >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

}  // namespace

const std::array<Colour, 256>& value_colours() {
  static const std::array<Colour, 256> colours = make_colours();
  return colours;
}

std::string png_uri(std::span<const std::uint8_t> pixels, std::uint32_t width) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = static_cast<png_uint_32>(pixels.size() / width);
  image.format = PNG_FORMAT_RGBA_COLORMAP;
  image.colormap_entries = static_cast<png_uint_32>(value_colours().size());
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::vector<std::uint8_t> bytes(size);
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, value_colours().data()) ==
      0)
    throw Error(Category::internal_error,
                fmt::format("a picture of {} x {} pixels cannot be made: {}. Please report this.",
                            image.width, image.height, image.message));
  return "data:image/png;base64," + base64(std::span(bytes).first(size));
}

}  // namespace mpipe::app
