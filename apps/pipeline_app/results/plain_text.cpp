// SPDX-License-Identifier: BSD-3-Clause
// Refuses texts that would not come back as they are.
#include "results/plain_text.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"

#include <fmt/format.h>

namespace mpipe::app {

std::string_view plain_text(const Value& texts, Index k, std::string_view form) {
  const auto bytes = texts.element(k);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.find('\0') == std::string_view::npos && is_utf8(text)) return text;
  throw Error(
      Category::bad_option,
      fmt::format(
          "the text '{}' has bytes that are no text in UTF-8, which {} cannot hold (nobody would read "
          "back the same). Leave this output out, or read it from results.h5.",
          printable(text), form));
}

}  // namespace mpipe::app
