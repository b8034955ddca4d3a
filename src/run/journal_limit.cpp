// SPDX-License-Identifier: BSD-3-Clause
// Reads how long the journal of a rank may grow before everybody commits.
#include "run/journal_limit.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace mpipe {

std::uint64_t journal_limit() {
  constexpr std::uint64_t kUsual = std::uint64_t{256} << 20;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  const char* const text = std::getenv("MPIPE_JOURNAL_LIMIT");
  if (text == nullptr) return kUsual;
  const std::string_view all(text);
  std::uint64_t bytes = 0;
  const auto parsed = std::from_chars(all.data(), all.data() + all.size(), bytes);
  if (parsed.ec != std::errc{} || parsed.ptr != all.data() + all.size() || bytes > kMost)
    throw Error(Category::bad_option,
                fmt::format("MPIPE_JOURNAL_LIMIT is '{}'. Give a number of bytes, 0 or more.", all));
  return bytes;
}

}  // namespace mpipe
