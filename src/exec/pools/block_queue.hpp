// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The blocks of one worker: one that is being computed, and a few that wait.
#pragma once

#include "exec/pools/sliced_block.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace mpipe {

/// Blocks that wait for a worker, in order. Few at any time; allocates nothing in steady state. Value type.
class BlockQueue {
 public:
  void push(const Block& block) { blocks_.push_back(block); }
  bool empty() const { return blocks_.empty(); }
  void clear() { blocks_.clear(); }

  Block pop() {
    const Block first = blocks_.front();
    blocks_.erase(blocks_.begin());
    return first;
  }

  /// Takes all blocks out, which will then not be computed here.
  std::vector<RetractedBlock> give_back() {
    std::vector<RetractedBlock> given;
    for (const Block& block : blocks_) given.push_back({block.id, block.range});
    blocks_.clear();
    return given;
  }

  /// Takes a block out; the result is empty when it is not here.
  std::optional<RetractedBlock> retract(BlockId id) {
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
      if (block->id != id) continue;
      const RetractedBlock retracted{id, block->range};
      blocks_.erase(block);
      return retracted;
    }
    return std::nullopt;
  }

 private:
  std::vector<Block> blocks_;
};

}  // namespace mpipe
