// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a commit moves, and to which writers: decided by rank 0 from what all ranks have. Pure: no files, no
/// messages.
#pragma once

#include <mpipe/base/bytes.hpp>

#include "store/api/run_store.hpp"
#include "store/output/element_order.hpp"

namespace mpipe {

/// What one rank, or all together, did for one output since the last commit. Elements.
struct OutputDelta {
  RangeSet to_move;  ///< in memory and journals, not in the file
  RangeSet placed;   ///< in the file already, with extents and marks
  RangeSet kept;     ///< in journals, where they stay
  RangeSet failed;
  RangeSet blocked;
};
using CommitDelta = std::vector<OutputDelta>;  ///< by output

std::vector<std::byte> pack_delta(const CommitDelta& delta);
CommitDelta unpack_delta(std::span<const std::byte> bytes);

/// How an output lies in the file, as far as the plan needs to know.
struct OutputGeometry {
  bool has_location = false;
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

/// Elements that more than one rank holds. The lowest such rank sends them; `rank` leaves these out.
struct DuplicateElements {
  std::uint32_t rank = 0;
  std::uint32_t output = 0;
  RangeSet elements;
};

struct CommitPlan {
  CommitDelta total;              ///< over all ranks; `to_move` without what is `placed` already
  std::vector<Window> windows;    ///< by round, then writer
  std::uint32_t slab_rounds = 0;  ///< the first rounds: all writers write slabs of one output together
  std::uint32_t rounds = 0;
  std::vector<DuplicateElements> duplicates;
};

std::vector<std::byte> pack_plan(const CommitPlan& plan);
CommitPlan unpack_plan(std::span<const std::byte> bytes);

/// The one writer of the values of an output whose element order is not file order. Values of different elements
/// lie among each other there, so that whoever writes some also writes back what is between them.
inline std::size_t writer_of_panels(std::size_t output, std::size_t writers) { return output % writers; }

/// `round_bytes`: what a writer takes at a time.
CommitPlan plan_commit(const std::vector<CommitDelta>& by_rank, const std::vector<ElementStates>& before,
                       const std::vector<OutputGeometry>& geometry, std::size_t writers,
                       std::uint64_t round_bytes);

/// Adds what a commit made known.
void apply_delta(const CommitDelta& total, std::vector<ElementStates>& progress);

}  // namespace mpipe
