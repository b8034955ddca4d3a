// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The values of one output that has no place in preallocated datasets: from a complete results.h5 of an
/// earlier start, from journals, or from both.
#pragma once

#include "store/journal/journal_index.hpp"
#include "store/run_paths.hpp"

namespace mpipe {

class VariableSource {
 public:
  /// `in_results`: elements to take from results.h5, which are read at once; all others come from `journals`.
  /// Everything given must outlive this.
  VariableSource(const fs::path& folder, const RunLayout& layout, std::size_t output, RangeSet in_results,
                 JournalIndex& journals);

  using Visit = std::function<void(IndexRange, std::span<const std::byte>, std::span<const std::uint64_t>)>;
  /// Calls `visit` in order for the parts of `elements` that there are. Offsets may begin anywhere in the
  /// bytes.
  void read(IndexRange elements, const Visit& visit);
  /// All values in element order up to `end`; elements that are not in `wanted` have no bytes. Throws `Error`
  /// (storage_failed) when one of `wanted` is not there.
  EncodedValues read_all(const RangeSet& wanted, Index end);

 private:
  const OutputLayout& layout_;
  std::size_t output_;
  RangeSet in_results_;
  JournalIndex& journals_;
  Index per_element_ = 1;
  EncodedValues results_;
};

}  // namespace mpipe
