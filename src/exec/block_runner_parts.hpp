// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a `BlockRunner` keeps of each function of a wave.
#pragma once

#include "exec/api/block_runner.hpp"
#include "exec/result_cache.hpp"
#include "exec/slice_panels.hpp"

#include <optional>

namespace mpipe {

/// Whether `error` says that the arrays of a call have other shapes than those of other elements, or than each
/// other.
inline bool is_of_shapes(const Error& error) {
  return error.category() == Category::internal_shape_mismatch ||
         error.category() == Category::dimension_mismatch;
}

/// Whether a call that ended with `failure` did what its token had told it; changes the message where it did not.
bool was_told_to_stop(Failure& failure, const StopToken& token);

/// An argument of a function during a wave.
struct BlockRunner::PreparedArgument {
  const PlannedArgument* planned = nullptr;
  const ElementType* wanted = nullptr;  ///< convert to this; nullptr: as it is
  Value owner;                          ///< keeps what `view` looks at, where it is not an array of this rank
  ArgumentView view;                    ///< complete unless `per_block`
  bool per_block = false;               ///< comes from the same block and cannot be looked at in place

  /// Reads what a block of elements of shape `external` looks at, of an input that is read piece by piece.
  /// Throws what its source throws.
  void fetch(const Shape& external, IndexRange block) const;
};

struct BlockRunner::PreparedFunction {
  const PlannedFunction* planned = nullptr;
  const FunctionNode* node = nullptr;
  const FunctionBody* body = nullptr;  ///< what is called
  Shape external;
  std::uint64_t stream = 0;
  Resources resources;  ///< of each call
  std::vector<PreparedArgument> arguments;
  std::vector<ArgumentView> views;  ///< of all arguments, in place where possible
  bool per_block = false;           ///< some view must be made for each block
  RangeSet stored;                  ///< elements that have values already
  RangeSet settled;                 ///< those, and those that cannot be computed: none of them is called
  std::unique_ptr<ResultCache> cache;
};

/// What came of calling a function for a range of elements.
struct BlockRunner::Tried {
  Index completed = 0;
  Index calls = 0;
  std::optional<Failure> failure = {};  ///< of the element behind the completed ones
  bool stopped = false;                 ///< that element was told to stop, which is no failure
};

/// Buffers of one call, used again by later ones.
struct BlockRunner::Scratch {
  std::vector<OutputColumn> columns;
  std::vector<ArgumentView> views;
  std::vector<PartialArray::Piece> pieces;
  std::vector<Value> converted;
  SlicePanels panels;
  std::span<const ArgumentView> bound;
};

/// What this rank has of an element that a team computes, until it is known how that ended.
struct BlockRunner::TeamTry {
  std::unique_ptr<Scratch> scratch;
  std::vector<Bytes> apart;  ///< what a member that does not lead computes
  Index calls = 0;
  Duration took{};
  bool leads = false;
};

}  // namespace mpipe
