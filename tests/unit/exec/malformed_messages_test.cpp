// SPDX-License-Identifier: BSD-3-Clause
// Frames that no encoder makes: refused as a Bug, whatever is wrong with them.
#include "base/api/failure_bytes.hpp"
#include "exec/api/messages.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace mpipe {
namespace {

// Puts a body together number by number.
class Body {
 public:
  template <class T>
  Body& put(T value) {
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
    return *this;
  }
  Body& put_range(Index begin, Index end) { return put(begin).put(end); }
  Body& put_text(const std::string& text) {
    put(std::uint64_t{text.size()});
    for (const char c : text) put(c);
    return *this;
  }
  Bytes bytes;
};

constexpr std::uint8_t a_failure = 1;
constexpr std::uint8_t late_shapes = 2;
constexpr std::uint8_t failed_elements = 4;

Body block_body(Index begin, Index end) {
  return Body().put(std::uint64_t{1}).put(std::uint32_t{2}).put_range(begin, end);
}

Body done_body(Index begin, Index end, Index completed, std::uint8_t flags = 0, Index busy = 1) {
  return block_body(begin, end).put(completed).put(busy).put(std::uint64_t{3}).put(flags);
}

// As `put_failure` writes it, with what a test wants to be wrong.
Body failure_body(Body body, Index element = 5, std::int32_t category = 0, Index index = 5,
                  std::uint64_t index_count = 1, const std::string& message = "message") {
  body.put(element).put(std::int32_t{0}).put(category).put(std::uint8_t{0}).put(index_count).put(index);
  for (const std::string& text : {std::string("output"), message, std::string("type"),
                                  std::string("arguments"), std::string("host"), std::string("subject")})
    body.put_text(text);
  return body;
}

constexpr std::uint64_t kNone = 0;
constexpr std::uint64_t kOne = 1;
constexpr std::uint64_t kFarTooMany = ~std::uint64_t{0};

struct Malformed {
  const char* what;
  FrameKind kind;
  Bytes body;
  Bytes payload = {};
};

bool is_refused(const Malformed& malformed) {
  const Frame frame{
      .worker = {0}, .kind = malformed.kind, .body = malformed.body, .payload = malformed.payload};
  int refusals = 0;
  for (const bool at_root : {false, true}) {
    try {
      at_root ? static_cast<void>(decode_to_root(frame)) : static_cast<void>(decode_to_worker(frame));
    } catch (const Bug& bug) {
      EXPECT_NE(std::string(bug.what()), "");
      ++refusals;
    }
  }
  return refusals == 2;
}

std::vector<Malformed> malformed_frames_to_workers() {
  return {
      {"a kind that there is not", 0, {}},
      {"another one", 6, {}},
      {"the last one", 255, {}},
      {"compute without a body", 1, {}},
      {"compute of an empty range", 1, block_body(5, 5).bytes},
      {"compute of a reversed range", 1, block_body(6, 5).bytes},
      {"compute of a negative range", 1, block_body(-3, 5).bytes},
      {"compute with something behind", 1, block_body(0, 5).put(std::uint8_t{0}).bytes},
      {"compute with a payload", 1, block_body(0, 5).bytes, Bytes(1)},
      {"retract that is too short", 2, Body().put(std::uint32_t{1}).bytes},
      {"retract that is too long", 2, Body().put(std::uint64_t{1}).put(std::uint8_t{0}).bytes},
      {"barrier that is too short", 3, Body().put(std::uint16_t{1}).bytes},
      {"barrier that is too long", 3, Body().put(std::uint64_t{1}).bytes},
      {"commit without a number", 4, {}},
      {"commit with a payload", 4, Body().put(std::uint32_t{1}).bytes, Bytes(8)},
      {"stop with a body", 5, Bytes(1)},
      {"stop with a payload", 5, {}, Bytes(1)},
  };
}

std::vector<Malformed> malformed_frames_to_root() {
  const auto failed = [](std::uint8_t flags) { return done_body(0, 10, 5, flags); };
  // Elements of function 1 that failed: a number of ranges, which follow.
  const auto lost = [](std::uint64_t ranges) {
    return done_body(0, 10, 10, failed_elements).put(kOne).put(std::uint32_t{1}).put(ranges);
  };
  return {
      {"done without a body", 65, {}},
      {"done of an empty range", 65, done_body(5, 5, 0).bytes},
      {"done of more than there is", 65, done_body(0, 10, 11).bytes},
      {"done of a negative number", 65, done_body(0, 10, -1).bytes},
      {"done of a part, without a failure", 65, done_body(0, 10, 9).bytes},
      {"done of nothing, without a failure", 65, done_body(0, 10, 0).bytes},
      {"done of everything, with a failure", 65, failure_body(done_body(0, 10, 10, a_failure)).bytes},
      {"done of everything, and told to stop", 65, done_body(0, 10, 10, 8).bytes},
      {"done with a failure, and told to stop", 65, failure_body(done_body(0, 10, 5, 9)).bytes},
      {"done in negative time", 65, done_body(0, 10, 10, 0, -1).bytes},
      {"done with unknown flags", 65, done_body(0, 10, 10, 16).bytes},
      {"done with something behind", 65, done_body(0, 10, 10).put(std::uint8_t{0}).bytes},
      {"done with a body and a payload", 65, done_body(0, 10, 10).bytes, Bytes(4)},
      {"done with a failure in the body, and a payload", 65, failure_body(failed(a_failure)).bytes, Bytes(4)},
      {"done with a failure that is missing", 65, failed(a_failure).bytes},
      {"failure of a negative element", 65, failure_body(failed(a_failure), -1).bytes},
      {"failure of a negative index", 65, failure_body(failed(a_failure), 5, 0, -1).bytes},
      {"failure of an unknown category", 65, failure_body(failed(a_failure), 5, 99).bytes},
      {"failure with more indices than bytes", 65,
       failure_body(failed(a_failure), 5, 0, 5, kFarTooMany).bytes},
      {"failure with something behind", 65, failure_body(failed(a_failure)).put(std::uint8_t{0}).bytes},
      {"failure in a payload with something behind",
       65,
       {},
       failure_body(failed(a_failure)).put(std::uint8_t{0}).bytes},
      {"late shapes without a count", 65, done_body(0, 10, 10, late_shapes).bytes},
      {"more late shapes than bytes", 65, done_body(0, 10, 10, late_shapes).put(kFarTooMany).bytes},
      {"late shape with more axes than bytes", 65,
       done_body(0, 10, 10, late_shapes).put(kOne).put(std::uint32_t{0}).put(kFarTooMany).bytes},
      {"late shape with a negative extent", 65,
       done_body(0, 10, 10, late_shapes).put(kOne).put(std::uint32_t{0}).put(kOne).put(Index{-1}).bytes},
      {"failed elements without a count", 65, done_body(0, 10, 10, failed_elements).bytes},
      {"failed elements of no function", 65,
       done_body(0, 10, 10, failed_elements).put(kNone).put(kNone).bytes},
      {"failed elements of more functions than bytes", 65,
       done_body(0, 10, 10, failed_elements).put(kFarTooMany).bytes},
      {"no failed elements of a function", 65, lost(0).put(kNone).bytes},
      {"more failed elements than bytes", 65, lost(kFarTooMany).bytes},
      {"failed elements behind the block", 65, lost(1).put_range(9, 11).put(kNone).bytes},
      {"failed elements in disorder", 65, lost(2).put_range(5, 6).put_range(4, 5).put(kNone).bytes},
      {"failed elements twice", 65, lost(2).put_range(5, 7).put_range(6, 8).put(kNone).bytes},
      {"failed elements without descriptions", 65, lost(1).put_range(5, 6).bytes},
      {"failed elements with more descriptions than are ever told", 65,
       lost(1).put_range(5, 6).put(std::uint64_t{101}).bytes},
      {"retracted without a range", 66, Body().put(std::uint64_t{1}).bytes},
      {"retracted of nothing", 66, Body().put(std::uint64_t{1}).put_range(4, 4).bytes},
      {"retracted of a negative range", 66, Body().put(std::uint64_t{1}).put_range(-4, 4).bytes},
      {"retracted with something behind", 66,
       Body().put(std::uint64_t{1}).put_range(0, 4).put(std::uint8_t{0}).bytes},
      {"retracted with a payload", 66, Body().put(std::uint64_t{1}).put_range(0, 4).bytes, Bytes(1)},
      {"a kind between the two", 64, {}},
      {"a kind behind them", 67, {}},
  };
}

TEST(MalformedMessages, are_refused) {
  for (const auto& frames : {malformed_frames_to_workers(), malformed_frames_to_root()})
    for (const Malformed& malformed : frames) EXPECT_TRUE(is_refused(malformed)) << malformed.what;
}

TEST(MalformedMessages, with_texts_beyond_the_limit_are_refused) {
  for (const std::size_t length : {kMaxFailureText, kMaxFailureText + 1}) {
    const Body body = failure_body(done_body(0, 10, 5, a_failure), 5, 0, 5, 1, std::string(length, 'm'));
    const Malformed message{"", 65, {}, body.bytes};
    EXPECT_EQ(is_refused(message), length > kMaxFailureText);
  }
}

// What the table above is made of is right as long as nothing is wrong with it.
TEST(MalformedMessages, are_well_formed_otherwise) {
  EXPECT_FALSE(is_refused({"", 1, block_body(0, 5).bytes}));
  EXPECT_FALSE(is_refused({"", 2, Body().put(std::uint64_t{1}).bytes}));
  EXPECT_FALSE(is_refused({"", 65, done_body(0, 10, 10).bytes}));
  EXPECT_FALSE(is_refused({"", 65, failure_body(done_body(0, 10, 5, a_failure)).bytes}));
  EXPECT_FALSE(is_refused({"", 65, {}, failure_body(done_body(0, 10, 5, a_failure)).bytes}));
  EXPECT_FALSE(is_refused({"", 65, done_body(0, 10, 10, late_shapes).put(kNone).bytes}));
  EXPECT_FALSE(is_refused({"", 66, Body().put(std::uint64_t{1}).put_range(0, 4).bytes}));
}

TEST(MalformedMessages, go_the_wrong_way) {
  const EncodedMessage stop = encode(ToWorker(StopMessage{}));
  EXPECT_THROW(decode_to_root({{0}, stop.kind, stop.body(), {}}), Bug);
  const EncodedMessage retracted = encode(ToRoot(RetractedMessage{{1, {0, 2}}}));
  EXPECT_THROW(decode_to_worker({{0}, retracted.kind, retracted.body(), {}}), Bug);
}

TEST(MalformedMessages, that_end_too_early_are_refused) {
  BlockReport report;
  report.block = {.id = 1, .stage = {0}, .range = {0, 10}};
  report.completed = 5;
  report.failure = test::failure_at(5, std::string(300, 'm'));
  report.late_shapes = {{{0}, {3}}};
  const EncodedMessage message = encode(DoneMessage{report});
  ASSERT_FALSE(message.fits_frame());
  for (std::size_t size = 0; size < message.content.size(); ++size)
    EXPECT_THROW(decode_to_root({{0}, message.kind, {}, std::span(message.content).first(size)}), Bug)
        << size;
}

// Whatever a frame holds, it is read or refused, and what is read makes sense.
TEST(MalformedMessages, of_random_bytes) {
  std::mt19937 random(12);
  const auto pick = [&](int below) { return std::uniform_int_distribution<int>(0, below - 1)(random); };
  const Bytes good = failure_body(done_body(0, 10, 5, a_failure)).bytes;
  int taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes body = good;
    for (int changes = pick(4); changes >= 0; --changes)
      body[static_cast<std::size_t>(pick(static_cast<int>(body.size())))] = static_cast<std::byte>(pick(256));
    if (pick(3) == 0) body.resize(static_cast<std::size_t>(pick(static_cast<int>(body.size()))));
    const Frame frame{
        .worker = {0}, .kind = static_cast<FrameKind>(65 + pick(2)), .body = body, .payload = {}};
    try {
      const ToRoot message = decode_to_root(frame);
      ++taken;
      const auto* done = std::get_if<DoneMessage>(&message);
      if (done == nullptr) continue;
      EXPECT_GE(done->report.completed, 0);
      EXPECT_LE(done->report.completed, done->report.block.range.size());
    } catch (const Bug&) {
      continue;
    }
  }
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace mpipe
