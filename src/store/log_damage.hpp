// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Damage in journals and files of extents: readers pass over it to the next part that is whole, and say where
/// it was.
#pragma once

#include <mpipe/core/index.hpp>

#include "base/api/file.hpp"

#include <cstring>
#include <optional>
#include <string_view>

namespace mpipe {

/// Bytes of a log that a reader left out.
struct LogDamage {
  fs::path file;
  std::uint64_t position = 0;
  std::uint64_t bytes = 0;
  /// The first thing that was lost, where its description is whole: elements of an output.
  std::optional<std::size_t> output = {};
  IndexRange elements = {};
};

/// Where the next `mark`, with which each part of a log begins, is in `bytes`; their size when there is none.
inline std::size_t find_mark(std::span<const std::byte> bytes, std::uint32_t mark, std::size_t from) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  char wanted[sizeof mark];
  std::memcpy(wanted, &mark, sizeof mark);
  return std::min(text.find({wanted, sizeof wanted}, from), bytes.size());
}

}  // namespace mpipe
