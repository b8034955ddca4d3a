// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Frames: the messages between rank 0 and the workers, as bytes. What they mean is not known here.
///
/// A frame is one message of at most 256 bytes: a header of 16 bytes and a body. Larger ones would make the
/// sender wait until the receiver calls MPI again, which a computing worker does not. The content of a
/// message is the body where it fits; otherwise the body is empty, and the content travels as a second
/// message, the payload, whose size the header tells. All numbers are little-endian, as the machines are that
/// this runs on.
///
///     offset  bytes  what
///          0      2  magic number 0x706d ("mp")
///          2      1  version of the format, 2
///          3      1  kind of the frame
///          4      4  run id: frames of different runs do not mix
///          8      8  size of the payload
///         16  0-240  body
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/index.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace mpipe {

inline constexpr std::size_t kMaxFrameBytes = 256;
inline constexpr std::size_t kFrameHeaderBytes = 16;
inline constexpr std::size_t kMaxBodyBytes = kMaxFrameBytes - kFrameHeaderBytes;
inline constexpr std::uint64_t kMaxPayloadBytes = std::uint64_t{1} << 30;
inline constexpr std::uint8_t kFrameVersion = 2;

/// Which message a frame carries; the numbers belong to the layer that encodes them.
using FrameKind = std::uint8_t;
using RunId = std::uint32_t;

/// A frame that arrived. The spans belong to the transport that gave it, until its next `poll`.
struct Frame {
  WorkerId worker;  ///< who sent it, or on a worker: itself
  FrameKind kind = 0;
  std::span<const std::byte> body;
  std::span<const std::byte> payload;

  /// What the message says: the body or the payload. Throws `Bug` where there are both.
  std::span<const std::byte> content() const;
};

/// A message, ready for `send` of a transport. To send many small ones without allocating, encode them into
/// the same object: `body` leaves the memory where it is.
struct EncodedMessage {
  FrameKind kind = 0;
  Bytes content;

  bool fits_frame() const { return content.size() <= kMaxBodyBytes; }
  std::span<const std::byte> body() const {
    return fits_frame() ? std::span<const std::byte>(content) : std::span<const std::byte>();
  }
  /// The content where it does not fit a frame; it leaves the message, so ask for the body before.
  Bytes take_payload() { return fits_frame() ? Bytes() : std::exchange(content, {}); }
};

struct FrameHeader {
  FrameKind kind = 0;
  RunId run = 0;
  std::uint64_t payload_bytes = 0;
};

/// A frame as it is sent.
struct FrameBytes {
  std::array<std::byte, kMaxFrameBytes> bytes;
  std::size_t size = 0;
};

/// Writes header and body. Throws `Bug` when the body or the payload is too large.
void encode_frame(const FrameHeader& header, std::span<const std::byte> body, FrameBytes& frame);

/// Reads the header of a frame; the body is what follows it. Throws `Error` (rank_lost) when the sender
/// speaks another version, and `Bug` when this is no frame of `run`.
FrameHeader decode_header(std::span<const std::byte> frame, RunId run);

}  // namespace mpipe
