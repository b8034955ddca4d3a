// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a worker tells about a block that it has computed.
#pragma once

#include <mpipe/core/shape.hpp>
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

  friend bool operator==(const LateShape&, const LateShape&) = default;
};

/// How a block ended. Without a failure all of `block.range` is done; with one its first `completed` elements
/// are.
struct BlockReport {
  Block block;                     ///< as it was handed out, less what was given back
  Index completed = 0;             ///< elements done, from the beginning of the range on
  Duration busy{};                 ///< time spent computing it
  std::optional<Failure> failure;  ///< of the element after the completed ones
  std::vector<LateShape> late_shapes;
  std::uint64_t journal_bytes = 0;  ///< what the journal of the worker holds now
};

/// The end of a block that nobody will compute (in this place).
struct RetractedBlock {
  BlockId block = 0;
  IndexRange rest;  ///< the end of its range, not empty; all of it: there will be no report

  friend bool operator==(const RetractedBlock&, const RetractedBlock&) = default;
};

}  // namespace mpipe
