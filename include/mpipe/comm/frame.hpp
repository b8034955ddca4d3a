// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Frames: the messages between rank 0 and the workers, as bytes. What they mean is not known here.
///
/// A frame is one message of at most 256 bytes: a header of 16 bytes and a body. Larger ones would make the
/// sender wait until the receiver calls MPI again, which a computing worker does not. What does not fit
/// travels as a second message, the payload, whose size the header tells. All numbers are little-endian, as
/// the machines are that this runs on.
///
///     offset  bytes  what
///          0      2  magic number 0x706d ("mp")
///          2      1  version of the format, 1
///          3      1  kind of the frame
///          4      4  run id: frames of different runs do not mix
///          8      8  size of the payload
///         16  0-240  body
#pragma once

#include <mpipe/core/index.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mpipe {

inline constexpr std::size_t max_frame_bytes = 256;
inline constexpr std::size_t frame_header_bytes = 16;
inline constexpr std::size_t max_body_bytes = max_frame_bytes - frame_header_bytes;
inline constexpr std::uint64_t max_payload_bytes = std::uint64_t{1} << 30;
inline constexpr std::uint8_t frame_version = 1;

/// Which message a frame carries; the numbers belong to the layer that encodes them.
using FrameKind = std::uint8_t;
using RunId = std::uint32_t;

/// A frame that arrived. The spans belong to the transport that gave it, until its next `poll`.
struct Frame {
  WorkerId worker;  ///< who sent it, or on a worker: itself
  FrameKind kind = 0;
  std::span<const std::byte> body;
  std::span<const std::byte> payload;
};

struct FrameHeader {
  FrameKind kind = 0;
  RunId run = 0;
  std::uint64_t payload_bytes = 0;
};

/// A frame as it is sent.
struct FrameBytes {
  std::array<std::byte, max_frame_bytes> bytes;
  std::size_t size = 0;
};

/// Writes header and body. Throws `Bug` when the body or the payload is too large.
void encode_frame(const FrameHeader& header, std::span<const std::byte> body, FrameBytes& frame);

/// Reads the header of a frame; the body is what follows it. Throws `Error` (rank_lost) when the sender
/// speaks another version, and `Bug` when this is no frame of `run`.
FrameHeader decode_header(std::span<const std::byte> frame, RunId run);

}  // namespace mpipe
