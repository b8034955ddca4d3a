// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The seam between those who move blocks around and those who know what is in them.
#pragma once

#include <mpipe/core/failure.hpp>
#include <mpipe/exec/block_report.hpp>

#include <string>

namespace mpipe {

/// Computes blocks in this process. One thread at a time, unless the implementation says otherwise.
class BlockHandler {
 public:
  virtual ~BlockHandler() = default;

  /// Computes all elements of `block`, or reports how far it came and what failed. A block may come in
  /// consecutive slices, each a block with the same id and a part of the range. `busy` of the report is
  /// measured by the caller. Should not throw; what it throws is reported as the failure of the first
  /// element.
  virtual BlockReport compute(const Block& block) = 0;

  /// Blocks of this stage come whole, however long they take, as each call costs much by itself.
  virtual bool takes_whole(StageId) const { return false; }
};

/// `handler.compute(block)`, with everything that it throws turned into a failure.
BlockReport compute_guarded(BlockHandler& handler, const Block& block, const ProcessPlace& place);

}  // namespace mpipe
