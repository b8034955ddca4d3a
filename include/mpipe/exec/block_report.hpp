// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a worker tells about a block that it has computed.
#pragma once

#include <mpipe/core/failure.hpp>
#include <mpipe/core/shape.hpp>
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

/// Elements of a function that failed, where the run goes on without them.
struct FailedElements {
  FunctionId function;
  RangeSet elements;

  friend bool operator==(const FailedElements&, const FailedElements&) = default;
};

/// How a block ended. Without a failure all of `block.range` has been dealt with: it is done but for what is
/// in `failed`, and what in the same block needs that. With one its first `completed` elements are.
struct BlockReport {
  Block block;                         ///< as it was handed out, less what was given back
  Index completed = 0;                 ///< elements dealt with, from the beginning of the range on
  Duration busy{};                     ///< time spent computing it
  std::optional<Failure> failure;      ///< ends the run: of an element that is not among the completed ones
  std::vector<FailedElements> failed;  ///< at most one entry per function of the stage
  std::vector<Failure> details;        ///< of some of the elements in `failed`
  std::vector<LateShape> late_shapes;
  std::uint64_t journal_bytes = 0;  ///< what the journal of the worker holds now
};

/// The end of a block that nobody will compute (in this place).
struct RetractedBlock {
  BlockId block = 0;
  IndexRange rest;  ///< the end of its range, not empty; all of it: there will be no report

  friend bool operator==(const RetractedBlock&, const RetractedBlock&) = default;
};

/// What is heard of an element that a team computes, before its report. With a failure: of a member at which
/// the function threw; others may still be in it, or never leave it. Without: from the leader, all members
/// are back from a try that failed, and try again.
struct TeamNews {
  BlockId block = 0;
  std::uint32_t attempt = 0;  ///< counted from 0
  std::optional<Failure> failure;
};

}  // namespace mpipe
