// SPDX-License-Identifier: BSD-3-Clause
// Makes text from outside fit for messages: unprintable bytes escaped, long text cut.
#include "core/api/text.hpp"

namespace mpipe {

std::string printable(std::string_view text, std::size_t longest) {
  std::string shown;
  for (const char c : text) {
    if (continues_character(c)) continue;
    if (shown.size() >= longest) return shown + "..";
    const bool is_space = c == '\t' || c == '\n' || c == '\r';
    shown += is_space ? ' ' : (' ' <= c && c <= '~') ? c : '?';
  }
  return shown;
}

}  // namespace mpipe
