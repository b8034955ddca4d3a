// SPDX-License-Identifier: BSD-3-Clause
// Messages between rank 0 and the workers, there and back.
#include "exec/api/messages.hpp"

#include "base/api/failure_bytes.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/printing.hpp"

#include <limits>
#include <string>

namespace mpipe {
namespace {

constexpr Index largest = std::numeric_limits<Index>::max();

Frame frame_of(const EncodedMessage& message) {
  const Bytes* payload = message.fits_frame() ? nullptr : &message.content;
  return {
      .worker = {3},
      .kind = message.kind,
      .body = message.body(),
      .payload = payload != nullptr ? std::span<const std::byte>(*payload) : std::span<const std::byte>()};
}

template <class Message>
Message to_worker(const EncodedMessage& message) {
  return std::get<Message>(decode_to_worker(frame_of(message)));
}

/// As it is sent: into a message that was used before.
EncodedMessage encoded(const BlockReport& report) {
  EncodedMessage message{99, Bytes(17)};
  encode_into(message, report);
  return message;
}

BlockReport round_trip(const BlockReport& report) {
  const EncodedMessage message = encoded(report);
  return std::get<DoneMessage>(decode_to_root(frame_of(message))).report;
}

BlockReport plain_report() {
  BlockReport report;
  report.block = {.id = 0xfedcba9876543210, .stage = {7}, .range = {100, 350}};
  report.completed = 250;
  report.busy = std::chrono::seconds(5000);
  report.journal_bytes = std::uint64_t{1} << 40;
  return report;
}

Failure sample_failure() {
  return {.output = "energy",
          .element = 120,
          .index = {1, 20},
          .message = "größer als erlaubt",
          .type = "std::domain_error",
          .arguments = "x=1.5, name=\"a\"",
          .host = "node17",
          .rank = 42,
          .category = Category::internal_shape_mismatch,
          .subject = {Subject::Kind::output, "energy"}};
}

TEST(Messages, to_a_worker) {
  for (const Block& block : {Block{.id = 1, .stage = {0}, .range = {0, 1}},
                             Block{.id = ~BlockId{0}, .stage = {~0U}, .range = {largest - 1, largest}}}) {
    EXPECT_EQ(to_worker<ComputeMessage>(encode(ComputeMessage{block})).block, block);
    EXPECT_EQ(to_worker<RetractMessage>(encode(ToWorker(RetractMessage{block.id}))).block, block.id);
  }
  EXPECT_EQ(to_worker<BarrierMessage>(encode(ToWorker(BarrierMessage{~0U}))).wave, ~0U);
  EXPECT_EQ(to_worker<CommitMessage>(encode(ToWorker(CommitMessage{17}))).number, 17U);
  to_worker<StopMessage>(encode(ToWorker(StopMessage{})));
}

TEST(Messages, retracted) {
  const RetractedBlock sent{.block = 9, .rest = {5, largest}};
  const EncodedMessage message = encode(ToRoot(RetractedMessage{sent}));
  EXPECT_EQ(std::get<RetractedMessage>(decode_to_root(frame_of(message))).retracted, sent);
}

TEST(Messages, trouble) {
  const EncodedMessage message = encode(ToRoot(TroubleMessage{sample_failure()}));
  const Failure got = std::get<TroubleMessage>(decode_to_root(frame_of(message))).failure;
  EXPECT_EQ(got.message, sample_failure().message);
  EXPECT_EQ(got.host, "node17");
  EXPECT_EQ(got.rank, 42);
  EXPECT_EQ(got.category, Category::internal_shape_mismatch);
}

TEST(Messages, done) {
  const BlockReport report = plain_report();
  EXPECT_EQ(round_trip(report), report);
  EXPECT_EQ(encoded(report).content, encode(DoneMessage{report}).content);
  EXPECT_TRUE(encoded(report).fits_frame());
}

// All that most blocks say is small: it goes out at once, however busy the receiver is.
TEST(Messages, without_details_fit_into_a_small_body) {
  EXPECT_LE(encode(ComputeMessage{plain_report().block}).body().size(), 64U);
  EXPECT_LE(encoded(plain_report()).body().size(), 64U);
}

TEST(Messages, done_with_a_failure) {
  BlockReport report = plain_report();
  report.failure = sample_failure();
  for (const Index completed : {0, 20, 249}) {
    report.completed = completed;
    EXPECT_EQ(round_trip(report), report);
  }
  EXPECT_TRUE(encoded(report).fits_frame());  // short ones lie in the body
}

TEST(Messages, done_until_it_was_told_to_stop) {
  BlockReport report = plain_report();
  report.stopped = true;
  for (const Index completed : {0, 20, 249}) {
    report.completed = completed;
    EXPECT_EQ(round_trip(report), report);
    EXPECT_TRUE(round_trip(report).stopped);
  }
}

TEST(Messages, done_with_late_shapes) {
  BlockReport report = plain_report();
  report.late_shapes = {{{0}, {}}, {{5}, {3, 0, largest}}};
  EXPECT_EQ(round_trip(report), report);
  report.failure = sample_failure();
  report.completed = 3;
  EXPECT_EQ(round_trip(report), report);
}

TEST(Messages, done_with_elements_that_failed) {
  BlockReport report = plain_report();
  report.failed = {{{7}, {{120, 121}}}, {{9}, {{100, 101}, {103, 200}, {349, 350}}}};
  EXPECT_EQ(round_trip(report), report);
  EXPECT_TRUE(encoded(report).fits_frame());  // a few ranges lie in the body
  report.details = {sample_failure(), sample_failure()};
  report.details[1].message = "";
  EXPECT_EQ(round_trip(report), report);
  report.late_shapes = {{{5}, {3, 0}}};
  EXPECT_EQ(round_trip(report), report);
  report.block.range = {0, 100000};
  report.completed = 100000;
  for (Index k = 0; k < 100000; k += 2) report.failed[1].elements.insert({k, k + 1});
  report.details.assign(kMaxFailureDetails, sample_failure());
  EXPECT_EQ(round_trip(report), report);
  // Ahead of an element that ends the run, too.
  report.completed = 5;
  report.failure = sample_failure();
  EXPECT_EQ(round_trip(report), report);
}

TEST(Messages, details_that_do_not_fit_travel_as_a_payload) {
  BlockReport report = plain_report();
  report.completed = 1;
  bool in_body = false;
  bool in_payload = false;
  for (std::size_t length = 0; length < 300; ++length) {  // across the boundary, byte by byte
    report.failure = sample_failure();
    report.failure->message = std::string(length, 'm');
    const EncodedMessage message = encoded(report);
    ASSERT_LE(message.body().size(), kMaxBodyBytes);
    (message.fits_frame() ? in_body : in_payload) = true;
    ASSERT_EQ(round_trip(report), report) << length;
  }
  EXPECT_TRUE(in_body);
  EXPECT_TRUE(in_payload);
  report.late_shapes.assign(1000, {{1}, {2, 3}});
  EXPECT_EQ(round_trip(report), report);
}

TEST(Messages, texts_of_a_failure_may_be_empty_or_hold_any_byte) {
  BlockReport report = plain_report();
  report.completed = 0;
  report.failure = Failure();
  EXPECT_EQ(round_trip(report), report);
  report.failure->message = std::string("a\0b\xff\n", 5);
  EXPECT_EQ(round_trip(report), report);
  report.failure->message = std::string(kMaxFailureText, 'm');
  EXPECT_EQ(round_trip(report), report);
}

TEST(Messages, longer_texts_are_cut_between_characters) {
  BlockReport report = plain_report();
  report.completed = 0;
  report.failure = sample_failure();
  for (const std::string shift : {"", "a", "ab"}) {
    std::string text = shift;
    while (text.size() <= kMaxFailureText) text += "\u4e2d";  // three bytes
    report.failure->arguments = text;
    const std::string cut = round_trip(report).failure->arguments;
    EXPECT_LE(cut.size(), kMaxFailureText);
    EXPECT_GT(cut.size(), kMaxFailureText - 16);
    const std::string mark = " .. (cut)";
    ASSERT_TRUE(cut.ends_with(mark));
    const std::size_t kept = cut.size() - mark.size();
    EXPECT_EQ((kept - shift.size()) % 3, 0U);  // whole characters
    EXPECT_EQ(cut.substr(0, kept), text.substr(0, kept));
  }
  report.failure->arguments = std::string(2 * kMaxFailureText, '\x80');  // no character begins anywhere
  EXPECT_EQ(round_trip(report).failure->arguments, " .. (cut)");
}

TEST(Messages, each_category_travels) {
  BlockReport report = plain_report();
  report.completed = 0;
  report.failure = sample_failure();
  for (int number = 0; number <= static_cast<int>(Category::storage_failed); ++number) {
    report.failure->category = static_cast<Category>(number);
    EXPECT_EQ(round_trip(report).failure->category, static_cast<Category>(number));
  }
}

}  // namespace
}  // namespace mpipe
