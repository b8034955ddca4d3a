// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Computing one block, and what is reported of it.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/failure.hpp>
#include <mpipe/schedule/block.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace mpipe {

/// The shape of an output's elements, which became known by computing one.
struct LateShape {
  OutputId output;
  Shape internal;
};

/// What became of a block. Values are not in here: they stay where they were computed.
struct BlockReport {
  Block block;
  Index completed = 0;               ///< leading elements of the block for which every function of the stage is done
  Duration busy{};                   ///< time spent in the block
  std::optional<Failure> failure;    ///< of the first element that failed
  std::vector<LateShape> late_shapes;
  std::uint64_t journal_bytes = 0;   ///< in the journal of the rank that computed it
};

/// Computes blocks in this process.
class BlockHandler {
 public:
  virtual ~BlockHandler() = default;
  /// Called from several threads at once by a `ThreadPool`, else by one. A failing element is reported, not thrown; what
  /// is thrown is a failure of the rank itself (a full disk, a bug).
  virtual BlockReport compute(const Block& block) = 0;
};

}  // namespace mpipe
