// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The closed set of messages between rank 0 and the workers, and their encoding into frames (see
/// comm/api/frame.hpp for the header, which has the version, the run and the kind).
///
/// Contents, as `ByteWriter` puts them; ranges are two i64, lists have their length as u64 in front:
///
///     kind  message          content
///        1  compute          block
///        2  retract          number of the block u64
///        3  barrier          wave u32
///        4  commit           number u32
///        5  stop
///        6  compute in team  block (of one element), team u32, whether it is new u8, list of members (u32s,
///                            ascending)
///        7  release team     team u32
///       65  done             block, completed i64, busy i64 (ns), journal u64 (bytes), flags u8 (1: a failure
///                            follows, 2: late shapes follow, 4: failed elements follow, 8: it was told to
///                            stop at the element behind the completed ones), details
///       66  retracted        number of the block u64, rest range
///       67  team news        number of the block u64, attempt u32, whether a failure follows u8, failure
///       68  trouble          failure
///
/// A block is its number u64, its stage u32 and its range. Details are the failure (see `put_failure`), then
/// the late shapes (u64 count, each output u32 and list of extents), then the failed elements (u64 count, each
/// function u32 and list of ranges; u64 count and failures).
#pragma once

#include <mpipe/exec/pool.hpp>

#include "comm/api/frame.hpp"

#include <variant>
#include <vector>

namespace mpipe {

// To a worker
struct ComputeMessage {
  Block block;
};
/// Give back what has not begun of this block. A worker that does not know the block (any more) does not
/// answer.
struct RetractMessage {
  BlockId block = 0;
};
/// All blocks of a wave are done: take part in what follows it.
struct BarrierMessage {
  std::uint32_t wave = 0;
};
/// Take part in a commit to the store, now; blocks go on after it.
struct CommitMessage {
  std::uint32_t number = 0;
};
/// The end: blocks that have not begun are dropped.
struct StopMessage {};
/// Compute an element together with the other members. Rank 0 sends all that is about teams in one order to
/// all: so workers that make, use and leave teams never wait for each other in a circle.
struct TeamMessage {
  Block block;
  std::uint32_t team = 0;  ///< number of this set of members
  bool is_new = false;     ///< the members do not know it (any more)
  std::vector<WorkerId> members;
};
/// Forget the team, which all its members do.
struct ReleaseTeamMessage {
  std::uint32_t team = 0;
};
using ToWorker = std::variant<ComputeMessage, RetractMessage, BarrierMessage, CommitMessage, StopMessage,
                              TeamMessage, ReleaseTeamMessage>;

// To rank 0
struct DoneMessage {
  BlockReport report;
};
struct RetractedMessage {
  RetractedBlock retracted;
};
struct TeamNewsMessage {
  TeamNews news;
};
/// This rank cannot go on, for a reason that has to do with no block (its disk fails, say).
struct TroubleMessage {
  Failure failure;
};
using ToRoot = std::variant<DoneMessage, RetractedMessage, TeamNewsMessage, TroubleMessage>;

/// So many failures are described by a worker, and kept in all; of the others the elements are known.
inline constexpr std::size_t kMaxFailureDetails = 100;

EncodedMessage encode(const ToWorker& message);
EncodedMessage encode(const ToRoot& message);
// The two that are sent all the time, into a message whose memory is used again: `ComputeMessage` and
// `DoneMessage`.
void encode_into(EncodedMessage& message, const Block& block);
void encode_into(EncodedMessage& message, const BlockReport& report);

/// Throws `Bug` for anything that `encode` does not make: unknown kinds, wrong lengths, numbers out of range.
ToWorker decode_to_worker(const Frame& frame);
ToRoot decode_to_root(const Frame& frame);

/// A failure by itself, as members of a team tell each other. Decoding throws `Bug` as above.
Bytes encode_failure(const Failure& failure);
Failure decode_failure(std::span<const std::byte> bytes);

}  // namespace mpipe
