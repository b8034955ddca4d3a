// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `LazyArray`: the memory of an array that is read piece by piece.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/data/value.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>

namespace mpipe {

/// Has its address from the start; pages that were not read cost nothing. What was read stays.
///
/// Thread rule: `fetch` from any thread. Who has fetched elements may look at them without a lock.
class LazyArray {
 public:
  /// Throws `Error` (too_large) when a process cannot address so much.
  LazyArray(std::shared_ptr<const ArraySource> source, Index count, std::size_t element_bytes);

  const std::shared_ptr<const std::byte[]>& memory() const { return memory_; }
  const ArraySource& source() const { return *source_; }
  /// Reads those of the elements that are not here. Throws what the source throws, and `Error` (too_large)
  /// when all that was read would need more than half of the machine's memory. A piece that could not be read
  /// is not tried again.
  void fetch(IndexRange elements);

 private:
  void read(IndexRange piece);

  std::shared_ptr<const ArraySource> source_;
  Index count_;
  std::size_t element_bytes_;
  std::byte* data_ = nullptr;
  std::shared_ptr<const std::byte[]> memory_;
  std::atomic<bool> complete_ = false;
  std::mutex mutex_;
  RangeSet have_;
  RangeSet unreadable_;
  std::exception_ptr why_;  ///< of the last of them
};

}  // namespace mpipe
