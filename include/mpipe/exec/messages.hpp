// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The closed set of messages between rank 0 and the workers, and their encoding into frames (see
/// comm/frame.hpp for the header, which has the version, the run and the kind).
///
/// Bodies; numbers are little-endian, ranges are two i64:
///
///     kind  message     body
///        1  compute     block u64, stage u32, range
///        2  retract     block u64
///        3  barrier     wave u32
///        4  commit      number u32
///        5  stop
///        6  compute in  block u64, stage u32, range (one element), team u32, flags u8 (1: the team is new,
///           team        4: in the payload), members (u32 count, u32s, ascending)
///        7  release     team u32
///           team
///       65  done        block u64, stage u32, range, completed i64, busy i64 (ns), journal u64 (bytes),
///                       flags u8 (1: a failure follows, 2: late shapes follow, 4: in the payload,
///                       8: failed elements follow), details
///       66  retracted   block u64, rest range
///       67  team news   block u64, attempt u32, flags u8 (1: a failure follows, 4: in the payload), failure
///
/// Details: the failure (element i64, rank i32, category u16, index as u32 count and i64s, then output,
/// message, type, arguments and host as u32 length and bytes), then the late shapes (u32 count, each output
/// u32, u32 count and i64s), then the failed elements (u32 count, each function u32, u32 count and ranges;
/// u32 count and failures). They lie in the body where they fit, else in the payload.
#pragma once

#include <mpipe/comm/frame.hpp>
#include <mpipe/exec/block_report.hpp>

#include <array>
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
using ToRoot = std::variant<DoneMessage, RetractedMessage, TeamNewsMessage>;

/// A message, ready for `send` of a transport.
struct EncodedMessage {
  FrameKind kind = 0;
  std::size_t size = 0;
  std::array<std::byte, max_body_bytes> bytes;  // not initialised: only the first `size` count
  std::vector<std::byte> payload;

  std::span<const std::byte> body() const { return std::span<const std::byte>(bytes).first(size); }
};

/// Longer texts of a failure are cut, with a mark, at the boundary of a character.
inline constexpr std::size_t max_failure_text_bytes = 16 * 1024;
/// So many failures are described by a worker, and kept in all; of the others the elements are known.
inline constexpr std::size_t max_failure_details = 100;

EncodedMessage encode(const ToWorker& message);
EncodedMessage encode(const Block& block);  ///< the same as of a `ComputeMessage`
EncodedMessage encode(const ToRoot& message);
EncodedMessage encode(const BlockReport& report);  ///< the same as of a `DoneMessage`

/// Throws `Bug` for anything that `encode` does not make: unknown kinds, wrong lengths, numbers out of range.
ToWorker decode_to_worker(const Frame& frame);
ToRoot decode_to_root(const Frame& frame);

/// A failure by itself, as members of a team tell each other. Decoding throws `Bug` as above.
std::vector<std::byte> encode_failure(const Failure& failure);
Failure decode_failure(std::span<const std::byte> bytes);

}  // namespace mpipe
