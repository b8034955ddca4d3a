// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a commit moves, and to which writers: decided by rank 0 from what all ranks have. Pure: no files, no
/// messages.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/store/run_store.hpp>

#include "store/output/element_order.hpp"

namespace mpipe {

/// What one rank, or all together, did for one output since the last commit. Elements.
struct OutputNews {
  RangeSet to_move;  ///< in memory and journals, not in the file
  RangeSet placed;   ///< in the file already, with extents and marks
  RangeSet kept;     ///< in journals, where they stay
  RangeSet failed;
  RangeSet blocked;
};
using News = std::vector<OutputNews>;  ///< by output

std::vector<std::byte> pack_news(const News& news);
News unpack_news(std::span<const std::byte> bytes);

/// How an output lies in the file, as far as the plan needs to know.
struct OutputGeometry {
  bool has_place = false;
  bool slabs = false;  ///< element order is file order, and the dataset contiguous
  std::size_t value_bytes = 1;
  const ElementOrder* order = nullptr;
};

/// A stretch of values that one writer receives, writes and checks at a time.
struct Window {
  std::uint32_t output = 0;
  std::uint32_t writer = 0;  ///< position among the writers
  std::uint32_t round = 0;
  std::uint32_t slab = 0;  ///< 1: wholly covered by what is moved, and one box
  IndexRange values;       ///< in element order
  friend bool operator==(const Window&, const Window&) = default;
};

struct CommitPlan {
  News sums;                      ///< over all ranks; `to_move` without what is `placed` already
  std::vector<Window> windows;    ///< by round, then writer
  std::uint32_t slab_rounds = 0;  ///< the first rounds: all writers write slabs of one output together
  std::uint32_t rounds = 0;
  /// Elements that several ranks have, without which all but the first of them take part.
  struct Left {
    std::uint32_t rank = 0;
    std::uint32_t output = 0;
    RangeSet elements;
  };
  std::vector<Left> left_out;
};

std::vector<std::byte> pack_plan(const CommitPlan& plan);
CommitPlan unpack_plan(std::span<const std::byte> bytes);

/// `round_bytes`: what a writer takes at a time.
CommitPlan plan_commit(const std::vector<News>& by_rank, const std::vector<OutputProgress>& before,
                       const std::vector<OutputGeometry>& geometry, std::size_t writers,
                       std::uint64_t round_bytes);

/// Adds what a commit made known.
void add_news(const News& sums, std::vector<OutputProgress>& progress);

}  // namespace mpipe
