// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/comm/frame.hpp>
#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace mpipe {

namespace {

constexpr std::uint16_t frame_magic = 0x706d;

/// The header as it lies in memory, which is as it travels.
struct WireHeader {
  std::uint16_t magic;
  std::uint8_t version;
  std::uint8_t kind;
  std::uint32_t run;
  std::uint64_t payload_bytes;
};
static_assert(sizeof(WireHeader) == frame_header_bytes);
static_assert(std::endian::native == std::endian::little);

}  // namespace

void encode_frame(const FrameHeader& header, std::span<const std::byte> body, FrameBytes& frame) {
  if (body.size() > max_body_bytes || header.payload_bytes > max_payload_bytes) {
    throw Bug(
        fmt::format("frame of kind {} with a body of {} and a payload of {} bytes; at most {} and {} fit",
                    header.kind, body.size(), header.payload_bytes, max_body_bytes, max_payload_bytes));
  }
  const WireHeader wire{frame_magic, frame_version, header.kind, header.run, header.payload_bytes};
  std::memcpy(frame.bytes.data(), &wire, sizeof wire);
  if (!body.empty()) std::memcpy(frame.bytes.data() + sizeof wire, body.data(), body.size());
  frame.size = sizeof wire + body.size();
}

FrameHeader decode_header(std::span<const std::byte> frame, RunId run) {
  if (frame.size() < frame_header_bytes || frame.size() > max_frame_bytes) {
    throw Bug(fmt::format("frame of {} bytes; frames have {} to {}", frame.size(), frame_header_bytes,
                          max_frame_bytes));
  }
  WireHeader wire;
  std::memcpy(&wire, frame.data(), sizeof wire);
  if (wire.magic != frame_magic) throw Bug(fmt::format("frame with magic number {:#06x}", wire.magic));
  if (wire.version != frame_version) {
    throw Error(
        Category::rank_lost,
        fmt::format("A message between ranks has version {}, this program speaks version {} (the ranks run "
                    "different builds of mpipe). Start the same program on all hosts.",
                    wire.version, frame_version));
  }
  if (wire.run != run) throw Bug(fmt::format("frame of run {} received in run {}", wire.run, run));
  if (wire.payload_bytes > max_payload_bytes) {
    throw Bug(fmt::format("frame that announces a payload of {} bytes", wire.payload_bytes));
  }
  return {wire.kind, wire.run, wire.payload_bytes};
}

}  // namespace mpipe
