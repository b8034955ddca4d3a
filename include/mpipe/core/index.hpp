// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Strong ids, linear indices, ranges of them and sets of ranges.
#pragma once

#include <mpipe/core/version.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace mpipe {

/// Elements are numbered by their C-order linear index: the last axis changes fastest. Signed, so that
/// differences of indices are safe.
using Index = std::int64_t;

/// A typed small number: ids of different things do not mix.
template <class Tag>
struct Id {
  std::uint32_t value = 0;
  friend auto operator<=>(const Id&, const Id&) = default;
};

using FunctionId = Id<struct FunctionTag>;  ///< position of a function in `Pipeline::functions()`
using OutputId = Id<struct OutputTag>;      ///< position of an output in `Plan::outputs()`
using StageId = Id<struct StageTag>;        ///< position of a stage in `Plan::stages()`
using WorkerId = Id<struct WorkerTag>;      ///< a place that computes blocks: 0, 1, ..

/// Half-open range of linear indices.
struct IndexRange {
  Index begin = 0;
  Index end = 0;

  Index size() const { return end - begin; }
  bool empty() const { return end <= begin; }
  bool contains(Index index) const { return begin <= index && index < end; }
  friend auto operator<=>(const IndexRange&, const IndexRange&) = default;
};

/// A set of linear indices, kept as sorted, disjoint, non-adjacent ranges: 10^9 finished elements cost one
/// entry. Value type; no thread rule of its own. `insert` and `erase` at the end of the set are O(1),
/// elsewhere O(ranges).
class RangeSet {
 public:
  RangeSet() = default;
  RangeSet(std::initializer_list<IndexRange> ranges);

  void insert(IndexRange range);
  void erase(IndexRange range);
  void clear() { ranges_.clear(); }

  bool empty() const { return ranges_.empty(); }
  /// Number of indices in the set; O(ranges).
  Index count() const;
  bool contains(Index index) const;
  bool contains(IndexRange range) const;
  const std::vector<IndexRange>& ranges() const& { return ranges_; }
  /// Of a temporary set: by value, so that `for (range : a.united(b).ranges())` is safe.
  std::vector<IndexRange> ranges() && { return std::move(ranges_); }

  RangeSet intersection(IndexRange with) const;
  RangeSet intersection(const RangeSet& with) const;
  RangeSet united(const RangeSet& with) const;
  RangeSet difference(const RangeSet& without) const;

  friend bool operator==(const RangeSet&, const RangeSet&) = default;

 private:
  std::vector<IndexRange> ranges_;
};

}  // namespace mpipe

template <class Tag>
struct std::hash<mpipe::Id<Tag>> {
  std::size_t operator()(mpipe::Id<Tag> id) const noexcept { return std::hash<std::uint32_t>{}(id.value); }
};
