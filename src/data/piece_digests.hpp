// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What was read of an array in a file, to be compared when the file may have been changed since.
#pragma once

#include <mpipe/core/index.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>

namespace mpipe::detail {

/// A digest for each piece that was read. A file whose size and time of writing are as they were, but whose state
/// has changed (`st_ctim`), was given other rights or another link, or was rewritten and given its old time:
/// only its bytes tell. Any thread may call anything.
class PieceDigests {
 public:
  /// `piece`: elements that are read together, of `element_bytes` bytes each.
  PieceDigests(Index piece, std::size_t element_bytes) : piece_(piece), element_bytes_(element_bytes) {}

  /// Keeps the digests of elements that were read, which begin with a piece.
  void note(IndexRange elements, std::span<const std::byte> bytes);
  /// Reads each noted piece again and returns whether all of them are as they were.
  bool same(const std::function<void(IndexRange, std::byte*)>& read) const;

 private:
  struct Noted {
    Index end = 0;
    std::uint64_t digest = 0;
  };

  Index piece_;
  std::size_t element_bytes_;
  mutable std::mutex mutex_;
  std::map<Index, Noted> noted_;  ///< by the first element
};

}  // namespace mpipe::detail
