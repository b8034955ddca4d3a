// SPDX-License-Identifier: BSD-3-Clause
// Which teams there are, and the messages about them.
#include <mpipe/core/error.hpp>

#include "exec/api/messages.hpp"
#include "exec/api/team_directory.hpp"
#include "unit/exec/counting_handler.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace mpipe {
namespace {

std::vector<WorkerId> members(std::initializer_list<std::uint32_t> numbers) {
  std::vector<WorkerId> all;
  for (const std::uint32_t number : numbers) all.push_back({number});
  return all;
}

Frame frame_of(const EncodedMessage& message) { return {{0}, message.kind, message.content, {}}; }

TEST(TeamDirectory, KnowsATeamByItsMembers) {
  TeamDirectory directory(4);
  const auto first = directory.find(members({0, 1}));
  EXPECT_TRUE(first.is_new);
  EXPECT_FALSE(directory.find(members({0, 1})).is_new);
  EXPECT_EQ(directory.find(members({0, 1})).team, first.team);
  const auto other = directory.find(members({0, 2}));
  EXPECT_TRUE(other.is_new);
  EXPECT_NE(other.team, first.team);
}

TEST(TeamDirectory, ForgetsTheOneThatWasNotUsedForLongest) {
  TeamDirectory directory(2);
  const auto first = directory.find(members({0, 1}));
  const auto second = directory.find(members({0, 2}));
  for (std::uint32_t k = 3; k < 65; ++k) EXPECT_FALSE(directory.find(members({0, k})).released) << k;
  EXPECT_EQ(directory.size(), 64U);
  directory.find(members({0, 1}));
  const auto last = directory.find(members({1, 2}));
  ASSERT_TRUE(last.released.has_value());
  EXPECT_EQ(last.released->team, second.team);
  EXPECT_EQ(last.released->members, members({0, 2}));
  EXPECT_EQ(directory.find(members({0, 1})).team, first.team);
  EXPECT_TRUE(directory.find(members({0, 2})).is_new);
}

TEST(TeamMessages, ComeBackAsTheyWereSent) {
  for (const std::uint32_t count : {2U, 49U, 50U, 300U}) {  // the last two in the payload
    TeamMessage sent{test::block_of(77, 5, 6, 3), 9, count == 50, {}};
    for (std::uint32_t k = 0; k < count; ++k) sent.members.push_back({3 * k});
    const EncodedMessage encoded = encode(ToWorker(sent));
    EXPECT_EQ(encoded.fits_frame(), count <= 49) << count;
    const auto got = std::get<TeamMessage>(decode_to_worker(frame_of(encoded)));
    EXPECT_EQ(got.block.id, 77U);
    EXPECT_EQ(got.block.stage.value, 3U);
    EXPECT_EQ(got.block.range, (IndexRange{5, 6}));
    EXPECT_EQ(got.team, 9U);
    EXPECT_EQ(got.is_new, sent.is_new);
    EXPECT_EQ(got.members, sent.members);
  }
  EXPECT_EQ(
      std::get<ReleaseTeamMessage>(decode_to_worker(frame_of(encode(ToWorker(ReleaseTeamMessage{4}))))).team,
      4U);
}

TEST(TeamMessages, TellOfFailuresOfAnyLength) {
  for (const std::size_t length : {0U, 1000U}) {
    TeamNews sent{12, 3, test::failure_at(7, std::string(length, 'm'))};
    sent.failure->rank = 5;
    const auto got =
        std::get<TeamNewsMessage>(decode_to_root(frame_of(encode(ToRoot(TeamNewsMessage{sent}))))).news;
    EXPECT_EQ(got.block, 12U);
    EXPECT_EQ(got.attempt, 3U);
    ASSERT_TRUE(got.failure.has_value());
    EXPECT_EQ(got.failure->message, sent.failure->message);
    EXPECT_EQ(got.failure->rank, 5);
    EXPECT_EQ(decode_failure(encode_failure(*sent.failure)).index, sent.failure->index);
  }
  EXPECT_FALSE(
      std::get<TeamNewsMessage>(decode_to_root(frame_of(encode(ToRoot(TeamNewsMessage{{1, 0, {}}})))))
          .news.failure);
}

TEST(TeamMessages, AreRefusedWhenTheyAreNotWhole) {
  const auto refused = [](EncodedMessage message, bool to_worker) {
    const Frame frame = frame_of(message);
    if (to_worker) {
      EXPECT_THROW(decode_to_worker(frame), Bug);
    } else {
      EXPECT_THROW(decode_to_root(frame), Bug);
    }
  };
  const EncodedMessage team =
      encode(ToWorker(TeamMessage{test::block_of(1, 0, 1), 0, true, members({2, 4})}));
  for (std::size_t size = 0; size < team.content.size(); ++size) {
    EncodedMessage cut = team;
    cut.content.resize(size);
    refused(cut, true);
  }
  refused(encode(ToWorker(TeamMessage{test::block_of(1, 0, 2), 0, true, members({2, 4})})), true);
  refused(encode(ToWorker(TeamMessage{test::block_of(1, 0, 1), 0, true, members({4, 2})})), true);
  refused(encode(ToWorker(TeamMessage{test::block_of(1, 0, 1), 0, true, members({4})})), true);
  const Bytes payload(8);
  EXPECT_THROW(decode_to_worker({{}, team.kind, team.body(), payload}), Bug);
  const EncodedMessage news = encode(ToRoot(TeamNewsMessage{{1, 0, test::failure_at(0, "m")}}));
  for (std::size_t size = 0; size < news.content.size(); ++size) {
    EncodedMessage cut = news;
    cut.content.resize(size);
    refused(cut, false);
  }
  refused(team, false);
  refused(news, true);
}

}  // namespace
}  // namespace mpipe
