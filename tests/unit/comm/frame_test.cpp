// SPDX-License-Identifier: BSD-3-Clause
// Frames are read as they were written, and what is no frame of the run is refused.
#include "comm/api/frame.hpp"

#include "support/expect_error.hpp"
#include "unit/comm/bytes.hpp"

#include <cstring>
#include <vector>

namespace mpipe {
namespace {

using test::pattern;

std::span<const std::byte> sent(const FrameBytes& frame) { return std::span(frame.bytes).first(frame.size); }

FrameBytes good_frame() {
  FrameBytes frame;
  encode_frame({.kind = 7, .run = 99, .payload_bytes = 1000}, pattern(20, 1), frame);
  return frame;
}

TEST(Frame, round_trip) {
  for (const std::size_t body_size : {std::size_t{0}, std::size_t{1}, kMaxBodyBytes}) {
    for (const std::uint64_t payload : {std::uint64_t{0}, std::uint64_t{1}, kMaxPayloadBytes}) {
      const auto body = pattern(body_size, body_size);
      FrameBytes frame;
      encode_frame({.kind = 255, .run = 0xfedcba98, .payload_bytes = payload}, body, frame);
      ASSERT_EQ(frame.size, kFrameHeaderBytes + body_size);
      const FrameHeader header = decode_header(sent(frame), 0xfedcba98);
      EXPECT_EQ(header.kind, 255);
      EXPECT_EQ(header.run, 0xfedcba98);
      EXPECT_EQ(header.payload_bytes, payload);
      EXPECT_EQ(test::copy_of(sent(frame).subspan(kFrameHeaderBytes)), body);
    }
  }
}

// The bytes as documented: programs of another version must find the version where they look for it.
TEST(Frame, layout) {
  FrameBytes frame;
  encode_frame({.kind = 0x42, .run = 0x01020304, .payload_bytes = 0x0a0b0c}, test::bytes_of("xy"), frame);
  const unsigned char expected[] = {'m', 'p', 2, 0x42, 4, 3, 2, 1, 0x0c, 0x0b, 0x0a, 0, 0, 0, 0, 0, 'x', 'y'};
  ASSERT_EQ(frame.size, sizeof expected);
  EXPECT_EQ(std::memcmp(frame.bytes.data(), expected, sizeof expected), 0);
}

TEST(Frame, that_is_too_large_is_not_made) {
  FrameBytes frame;
  EXPECT_THROW(encode_frame({}, pattern(kMaxBodyBytes + 1, 1), frame), Bug);
  EXPECT_THROW(encode_frame({.kind = 1, .run = 1, .payload_bytes = kMaxPayloadBytes + 1}, {}, frame), Bug);
}

TEST(Frame, of_a_wrong_length_is_refused) {
  const FrameBytes frame = good_frame();
  for (std::size_t size = 0; size < kFrameHeaderBytes; ++size)
    EXPECT_THROW(decode_header(std::span(frame.bytes).first(size), 99), Bug) << size;
  EXPECT_THROW(decode_header(pattern(kMaxFrameBytes + 1, 1), 99), Bug);
  EXPECT_NO_THROW(decode_header(sent(frame), 99));
}

TEST(Frame, of_another_program_is_refused) {
  for (const std::size_t at : {0, 1}) {
    FrameBytes frame = good_frame();
    frame.bytes[at] ^= std::byte{1};
    EXPECT_THROW(decode_header(sent(frame), 99), Bug);
  }
}

TEST(Frame, of_another_version_is_the_user_s_to_mend) {
  FrameBytes frame = good_frame();
  frame.bytes[2] = std::byte{kFrameVersion + 1};
  const std::string message =
      test::error_message(Category::rank_lost, [&] { decode_header(sent(frame), 99); });
  EXPECT_TRUE(test::contains(message, "version 2"));
  EXPECT_TRUE(test::contains(message, "same program"));
}

TEST(Frame, of_another_run_is_refused) {
  const FrameBytes frame = good_frame();
  EXPECT_THROW(decode_header(sent(frame), 98), Bug);
  EXPECT_THROW(decode_header(sent(frame), 99 + (RunId{1} << 24)), Bug);
}

TEST(Frame, that_announces_too_much_is_refused) {
  FrameBytes frame = good_frame();
  const std::uint64_t too_much = kMaxPayloadBytes + 1;
  std::memcpy(frame.bytes.data() + 8, &too_much, sizeof too_much);
  EXPECT_THROW(decode_header(sent(frame), 99), Bug);
  const std::uint64_t all = ~std::uint64_t{0};
  std::memcpy(frame.bytes.data() + 8, &all, sizeof all);
  EXPECT_THROW(decode_header(sent(frame), 99), Bug);
}

}  // namespace
}  // namespace mpipe
