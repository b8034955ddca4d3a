// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the scheduler hands out and what comes back: blocks, the unit of scheduling, messages, storage and
/// errors.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/index.hpp>

namespace mpipe {

using BlockId = std::uint64_t;

/// A stage and a contiguous range of its elements, for one worker.
struct Block {
  BlockId id = 0;
  StageId stage;
  IndexRange range;
};

}  // namespace mpipe
