// SPDX-License-Identifier: BSD-3-Clause
// The header of a frame, written and checked.
#include "comm/api/frame.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace mpipe {

namespace {

constexpr std::uint16_t kFrameMagic = 0x706d;

/// The header as it lies in memory, which is as it travels.
struct WireHeader {
  std::uint16_t magic;
  std::uint8_t version;
  std::uint8_t kind;
  std::uint32_t run;
  std::uint64_t payload_bytes;
};
static_assert(sizeof(WireHeader) == kFrameHeaderBytes);
static_assert(std::endian::native == std::endian::little);

}  // namespace

std::span<const std::byte> Frame::content() const {
  if (!body.empty() && !payload.empty())
    throw Bug(fmt::format("a message of kind {} with a body and a payload", kind));
  return payload.empty() ? body : payload;
}

/// The payload is not part of the frame: the header announces its size, and it follows as a message of its
/// own.
void encode_frame(const FrameHeader& header, std::span<const std::byte> body, FrameBytes& frame) {
  if (body.size() > kMaxBodyBytes || header.payload_bytes > kMaxPayloadBytes) {
    throw Bug(
        fmt::format("frame of kind {} with a body of {} and a payload of {} bytes; at most {} and {} fit",
                    header.kind, body.size(), header.payload_bytes, kMaxBodyBytes, kMaxPayloadBytes));
  }
  const WireHeader wire{kFrameMagic, kFrameVersion, header.kind, header.run, header.payload_bytes};
  std::memcpy(frame.bytes.data(), &wire, sizeof wire);
  if (!body.empty()) std::memcpy(frame.bytes.data() + sizeof wire, body.data(), body.size());
  frame.size = sizeof wire + body.size();
}

/// The magic number comes first and the version next: a frame of another build may differ in everything that
/// follows. Different builds are the one mistake here that a user can mend, so they are an `Error` and not a
/// `Bug`.
FrameHeader decode_header(std::span<const std::byte> frame, RunId run) {
  if (frame.size() < kFrameHeaderBytes || frame.size() > kMaxFrameBytes) {
    throw Bug(fmt::format("frame of {} bytes; frames have {} to {}", frame.size(), kFrameHeaderBytes,
                          kMaxFrameBytes));
  }
  WireHeader wire;
  std::memcpy(&wire, frame.data(), sizeof wire);
  if (wire.magic != kFrameMagic) throw Bug(fmt::format("frame with magic number {:#06x}", wire.magic));
  if (wire.version != kFrameVersion) {
    throw Error(
        Category::rank_lost,
        fmt::format("A message between ranks has version {}, this program speaks version {} (the ranks run "
                    "different builds of mpipe). Start the same program on all hosts.",
                    wire.version, kFrameVersion));
  }
  if (wire.run != run) throw Bug(fmt::format("frame of run {} received in run {}", wire.run, run));
  if (wire.payload_bytes > kMaxPayloadBytes) {
    throw Bug(fmt::format("frame that announces a payload of {} bytes", wire.payload_bytes));
  }
  return {wire.kind, wire.run, wire.payload_bytes};
}

}  // namespace mpipe
