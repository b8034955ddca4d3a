// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Strong ids, linear indices, ranges of them and sets of ranges.
#pragma once

#include <mpipe/core/version.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <span>
#include <utility>
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

/// The ranges of a set: ascending, not empty, and neither overlapping nor touching. They lie in pieces of
/// bounded length, so that a change in the middle of a million ranges moves no more than one piece.
class RangeList {
 public:
  /// Forward iterator; any change of the set makes it invalid.
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = IndexRange;
    using difference_type = std::ptrdiff_t;
    using pointer = const IndexRange*;
    using reference = const IndexRange&;

    Iterator() = default;
    reference operator*() const { return *at_; }
    pointer operator->() const { return at_; }
    Iterator& operator++() {
      if (++at_ == piece_end_) enter_next_piece();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    friend class RangeList;
    friend class RangeSet;
    Iterator(const RangeList& list, std::size_t piece, std::size_t at);
    void enter_next_piece();

    const RangeList* list_ = nullptr;
    std::size_t piece_ = 0;
    pointer at_ = nullptr;
    pointer piece_end_ = nullptr;
  };

  Iterator begin() const { return {*this, 0, 0}; }
  Iterator end() const { return {*this, pieces_.size(), last_.size()}; }
  bool empty() const { return last_.empty(); }
  std::size_t size() const;
  const IndexRange& front() const { return piece(0).front(); }
  const IndexRange& back() const { return last_.back(); }
  friend bool operator==(const RangeList& a, const RangeList& b);

 private:
  friend class RangeSet;
  using Piece = std::vector<IndexRange>;
  struct Place {
    std::size_t piece = 0;
    std::size_t at = 0;
  };
  const Piece& piece(std::size_t number) const { return number < pieces_.size() ? pieces_[number] : last_; }
  Piece& piece(std::size_t number) { return number < pieces_.size() ? pieces_[number] : last_; }
  Place place_of(const Iterator& range) const;
  Iterator first_ending_from(Index end, const Iterator& from) const;
  void push_back(IndexRange range);
  void replace(Place first, Place last, std::span<const IndexRange> with);
  void changed(std::size_t number);

  // No piece is empty but the last one of an empty list.
  std::vector<Piece> pieces_;  ///< all but the last
  std::vector<Index> ends_;    ///< of `pieces_`, side by side: a search touches few cache lines
  Piece last_;
};

/// A set of linear indices, kept as ranges: 10^9 finished elements cost one entry. Value type; no thread rule
/// of its own. A change costs the logarithm of the number of ranges, at the end of the set nothing. What two
/// sets have to do with each other costs the smaller of them, times the logarithm of the larger one, where
/// they differ much in size.
class RangeSet {
 public:
  RangeSet() = default;
  RangeSet(std::initializer_list<IndexRange> ranges);
  /// Of ranges in any order, which may overlap and be empty: sorted once.
  static RangeSet of(std::vector<IndexRange> ranges);

  void insert(IndexRange range);
  void insert(const RangeSet& other);
  void erase(IndexRange range);
  void erase(const RangeSet& other);
  void clear() { *this = {}; }

  bool empty() const { return ranges_.empty(); }
  /// Number of indices in the set; O(ranges).
  Index count() const;
  bool contains(Index index) const;
  bool contains(IndexRange range) const;
  const RangeList& ranges() const& { return ranges_; }
  /// Of a temporary set: by value, so that `for (range : a.united(b).ranges())` is safe.
  RangeList ranges() && { return std::move(ranges_); }

  RangeSet intersection(IndexRange with) const;
  RangeSet intersection(const RangeSet& with) const;
  RangeSet united(const RangeSet& with) const;
  RangeSet difference(const RangeSet& without) const;

  friend bool operator==(const RangeSet&, const RangeSet&) = default;

 private:
  RangeSet merged(const RangeSet& with) const;

  RangeList ranges_;
};

}  // namespace mpipe
/// @cond std_hash
template <class Tag>
struct std::hash<mpipe::Id<Tag>> {
  std::size_t operator()(mpipe::Id<Tag> id) const noexcept { return std::hash<std::uint32_t>{}(id.value); }
};
/// @endcond
