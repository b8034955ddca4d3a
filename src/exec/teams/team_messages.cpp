// SPDX-License-Identifier: BSD-3-Clause
#include "exec/teams/team_messages.hpp"

namespace mpipe {

namespace wire {

namespace {

enum TeamFlag : std::uint8_t { is_new = 1 };
enum NewsFlag : std::uint8_t { has_failure = 1 };

}  // namespace

EncodedMessage encode_team(const TeamMessage& message) {
  EncodedMessage encoded;
  BodyWriter writer(encoded, Kind::compute_in_team);
  writer.put(message.block);
  writer.put(message.team);
  DetailWriter members;
  members.put(static_cast<std::uint32_t>(message.members.size()));
  for (const WorkerId member : message.members) members.put(member.value);
  put_rest(encoded, message.is_new ? is_new : 0, std::move(members));
  return encoded;
}

EncodedMessage encode_news(const TeamNews& news) {
  EncodedMessage encoded;
  BodyWriter writer(encoded, Kind::team_news);
  writer.put(news.block);
  writer.put(news.attempt);
  DetailWriter failure;
  if (news.failure) put_failure(failure, *news.failure);
  put_rest(encoded, news.failure ? has_failure : 0, std::move(failure));
  return encoded;
}

TeamMessage decode_team(const Frame& frame, Reader& body) {
  TeamMessage message;
  message.block = body.get_block();
  if (message.block.range.size() != 1) body.fail("more than one element for a team");
  message.team = body.get<std::uint32_t>();
  auto [flags, rest] = get_rest(frame, body, is_new);
  message.is_new = flags != 0;
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
  auto [flags, rest] = get_rest(frame, body, has_failure);
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
