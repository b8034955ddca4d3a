// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What is in a set of journals, and reading it from there.
#pragma once

#include "store/journal/journal.hpp"

#include <functional>

namespace mpipe {

class JournalIndex {
 public:
  /// Reads all frames of the journals once. Frames that do not fit it are left
  /// out.
  JournalIndex(std::span<const fs::path> journals, const RunKey& key, const RunLayout& layout);

  /// Elements whose values are there.
  const RangeSet& values(std::size_t output) const { return outputs_[output].values; }
  const RangeSet& failed(std::size_t output) const { return outputs_[output].failed; }
  const RangeSet& blocked(std::size_t output) const { return outputs_[output].blocked; }
  /// Shape of each element, as the frames have it.
  const std::optional<Shape>& internal(std::size_t output) const { return outputs_[output].internal; }
  /// What is damaged in the journals, and was left out.
  std::vector<LogDamage> damage() const;

  /// Reads elements in order and calls `visit` with a range, its bytes and its offsets (from anywhere), range
  /// by range. Elements that are not there, or not there any more as the journal was emptied meanwhile, are
  /// left out.
  void read(std::size_t output, IndexRange elements,
            const std::function<void(IndexRange, std::span<const std::byte>, std::span<const std::uint64_t>)>&
                visit);

 private:
  struct Place {
    IndexRange elements;
    std::size_t journal = 0;
    std::uint64_t position = 0;  ///< of the frame
  };
  struct Output {
    RangeSet values;
    RangeSet failed;
    RangeSet blocked;
    std::optional<Shape> internal;
    std::vector<Place> places;  ///< ascending; they do not overlap
  };
  void add(const JournalFrame& frame, std::size_t journal);

  std::vector<JournalReader> journals_;
  std::vector<Output> outputs_;
};

/// Gives outputs the extents that their elements in journals have.
void adopt_internal_shapes(const JournalIndex& journals, RunLayout& layout);

}  // namespace mpipe
