// SPDX-License-Identifier: BSD-3-Clause
#include "exec/team_messages.hpp"

#include <algorithm>

namespace mpipe {

namespace wire {

namespace {

enum TeamFlag : std::uint8_t { is_new = 1, has_failure = 1, in_payload = 4 };

/// Behind the flags where it fits, else into the payload.
void put_rest(EncodedMessage& message, std::uint8_t flags, const DetailWriter& rest) {
  if (message.size + 1 + rest.bytes.size() > max_body_bytes) {
    flags |= in_payload;
    message.payload = rest.bytes;
  }
  message.bytes[message.size++] = std::byte{flags};
  if (flags & in_payload) return;
  std::copy(rest.bytes.begin(), rest.bytes.end(),
            message.bytes.begin() + static_cast<std::ptrdiff_t>(message.size));
  message.size += rest.bytes.size();
}

Reader get_rest(const Frame& frame, Reader& body, std::uint8_t flags) {
  if (flags > (is_new | in_payload)) body.fail("unknown flags");
  const bool apart = (flags & in_payload) != 0;
  if (!apart && !frame.payload.empty()) body.fail("a payload that is not announced");
  const std::span<const std::byte> here = body.rest();
  if (apart && !here.empty()) body.fail("more than belongs there");
  return Reader(frame.kind, apart ? frame.payload : here);
}

}  // namespace

EncodedMessage encode_team(const TeamMessage& message) {
  EncodedMessage encoded;
  BodyWriter writer(encoded, Kind::compute_in_team);
  writer.put(message.block);
  writer.put(message.team);
  DetailWriter members;
  members.put(static_cast<std::uint32_t>(message.members.size()));
  for (const WorkerId member : message.members) members.put(member.value);
  put_rest(encoded, message.is_new ? is_new : 0, members);
  return encoded;
}

EncodedMessage encode_news(const TeamNews& news) {
  EncodedMessage encoded;
  BodyWriter writer(encoded, Kind::team_news);
  writer.put(news.block);
  writer.put(news.attempt);
  DetailWriter failure;
  if (news.failure) put_failure(failure, *news.failure);
  put_rest(encoded, news.failure ? has_failure : 0, failure);
  return encoded;
}

TeamMessage decode_team(const Frame& frame, Reader& body) {
  TeamMessage message;
  message.block = body.get_block();
  if (message.block.range.size() != 1) body.fail("more than one element for a team");
  message.team = body.get<std::uint32_t>();
  const auto flags = body.get<std::uint8_t>();
  message.is_new = (flags & is_new) != 0;
  Reader rest = get_rest(frame, body, flags);
  const auto count = rest.get<std::uint32_t>();
  if (count < 2) rest.fail("a team of less than two");
  for (std::uint32_t k = 0; k < count; ++k) {
    const WorkerId member{rest.get<std::uint32_t>()};
    if (k > 0 && member <= message.members.back()) rest.fail("members that are not in order");
    message.members.push_back(member);
  }
  rest.expect_end();
  return message;
}

TeamNews decode_news(const Frame& frame, Reader& body) {
  TeamNews news;
  news.block = body.get<std::uint64_t>();
  news.attempt = body.get<std::uint32_t>();
  const auto flags = body.get<std::uint8_t>();
  Reader rest = get_rest(frame, body, flags);
  if (flags & has_failure) news.failure = get_failure(rest);
  rest.expect_end();
  return news;
}

}  // namespace wire

std::vector<std::byte> encode_failure(const Failure& failure) {
  wire::DetailWriter writer;
  wire::put_failure(writer, failure);
  return std::move(writer.bytes);
}

Failure decode_failure(std::span<const std::byte> bytes) {
  wire::Reader reader(static_cast<FrameKind>(wire::Kind::team_news), bytes);
  Failure failure = wire::get_failure(reader);
  reader.expect_end();
  return failure;
}

}  // namespace mpipe
