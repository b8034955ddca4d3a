// SPDX-License-Identifier: BSD-3-Clause
// The bytes of the messages between rank 0 and the workers, written and checked.
#include "exec/api/messages.hpp"

#include "base/api/failure_bytes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

enum class MessageKind : FrameKind {
  compute = 1,
  retract = 2,
  barrier = 3,
  commit = 4,
  stop = 5,
  compute_in_team = 6,
  release_team = 7,
  done = 65,
  retracted = 66,
  team_news = 67,
  trouble = 68
};

/// What follows the numbers of a report: most reports have none of it.
enum DoneFlag : std::uint8_t { kHasFailure = 1, kHasLateShapes = 2, kHasFailed = 4, kStopped = 8 };

constexpr std::string_view kRunMessage = "a message between the ranks of a run";

// ---- parts of messages -----------------------------------------------------------------------------------

void put_block(ByteWriter& out, const Block& block) {
  out.put(block.id);
  out.put(block.stage.value);
  out.put(block.range);
}

Block get_block(ByteReader& in) {
  Block block;
  block.id = in.get<std::uint64_t>();
  block.stage.value = in.get<std::uint32_t>();
  block.range = in.get_range();
  return block;
}

void put_late_shapes(ByteWriter& out, const std::vector<LateShape>& late_shapes) {
  out.put(std::uint64_t{late_shapes.size()});
  for (const LateShape& late : late_shapes) {
    out.put(late.output.value);
    out.put_list<Index>(late.internal);
    out.put(late.shown_by.has_value());
    if (late.shown_by) put_failure(out, *late.shown_by);
  }
}

std::vector<LateShape> get_late_shapes(ByteReader& in) {
  std::vector<LateShape> late_shapes;
  const auto count = in.get<std::uint64_t>();
  // No memory is set aside for a count that may be wrong: the reader refuses it at the end of the frame.
  for (std::uint64_t k = 0; k < count; ++k) {
    LateShape& late = late_shapes.emplace_back();
    late.output.value = in.get<std::uint32_t>();
    late.internal = in.get_indices();
    if (in.get<bool>()) late.shown_by = get_failure(in);
  }
  return late_shapes;
}

void put_failed(ByteWriter& out, const BlockReport& report) {
  out.put(std::uint64_t{report.failed.size()});
  for (const FailedElements& failed : report.failed) {
    out.put(failed.function.value);
    out.put_ranges(failed.elements);
  }
  out.put(std::uint64_t{report.details.size()});
  for (const Failure& failure : report.details) put_failure(out, failure);
}

/// Elements of the block, and no more failures than are told.
void get_failed(ByteReader& in, BlockReport& report) {
  const auto functions = in.get<std::uint64_t>();
  if (functions == 0) in.fail("no failed elements, though they are announced");
  for (std::uint64_t k = 0; k < functions; ++k) {
    FailedElements& failed = report.failed.emplace_back();
    failed.function.value = in.get<std::uint32_t>();
    failed.elements = in.get_ranges();
    if (failed.elements.empty()) in.fail("a function without failed elements");
    const auto& ranges = failed.elements.ranges();
    if (ranges.front().begin < report.block.range.begin || ranges.back().end > report.block.range.end)
      in.fail("failed elements that are not in the block");
  }
  const auto count = in.get<std::uint64_t>();
  // A block runner describes no more failures than that in a whole run, so more of them are damage.
  if (count > kMaxFailureDetails) in.fail("more failures than are ever told");
  for (std::uint64_t k = 0; k < count; ++k) report.details.push_back(get_failure(in));
}

BlockReport get_report(ByteReader& in) {
  BlockReport report;
  report.block = get_block(in);
  report.completed = in.get_index();
  report.busy = Duration(in.get_index());
  report.journal_bytes = in.get<std::uint64_t>();
  const auto flags = in.get<std::uint8_t>();
  // Behind an unknown flag there may be parts of unknown length, so nothing could be read after it.
  if ((flags & ~(kHasFailure | kHasLateShapes | kHasFailed | kStopped)) != 0) in.fail("unknown flags");
  if (flags & kHasFailure) report.failure = get_failure(in);
  if (flags & kHasLateShapes) report.late_shapes = get_late_shapes(in);
  if (flags & kHasFailed) get_failed(in, report);
  report.stopped = (flags & kStopped) != 0;
  if (report.stopped && report.failure) in.fail("a failure of a call that was told to stop");
  const bool complete = report.completed == report.block.range.size();
  if (report.completed > report.block.range.size() || complete == (report.failure || report.stopped))
    in.fail("done elements that do not fit the range");
  return report;
}

TeamMessage get_team(ByteReader& in) {
  TeamMessage message;
  message.block = get_block(in);
  if (message.block.range.size() != 1) in.fail("more than one element for a team");
  message.team = in.get<std::uint32_t>();
  message.is_new = in.get<bool>();
  message.members = in.get_list<WorkerId>();
  if (message.members.size() < 2) in.fail("a team of less than two");
  const auto not_before = [](WorkerId a, WorkerId b) { return a >= b; };
  // Rank 0 names members in ascending order and no other: the directory would take the same members in
  // another order for another team.
  if (std::adjacent_find(message.members.begin(), message.members.end(), not_before) != message.members.end())
    in.fail("members that are not in order");
  return message;
}

TeamNews get_news(ByteReader& in) {
  TeamNews news;
  news.block = in.get<std::uint64_t>();
  news.attempt = in.get<std::uint32_t>();
  if (in.get<bool>()) news.failure = get_failure(in);
  return news;
}

RetractedBlock get_retracted(ByteReader& in) {
  const auto block = in.get<std::uint64_t>();
  return {block, in.get_range()};
}

// ---- messages --------------------------------------------------------------------------------------------

/// Empties a message, and says of which kind it is.
ByteWriter begin(EncodedMessage& message, MessageKind kind) {
  message.kind = static_cast<FrameKind>(kind);
  message.content.clear();
  return ByteWriter(message.content);
}

/// The other messages, one overload each: a new one does not compile until it is here.
struct Encoder {
  EncodedMessage message = {};

  void operator()(const ComputeMessage& compute) { encode_into(message, compute.block); }
  void operator()(const RetractMessage& retract) { put(MessageKind::retract, retract.block); }
  void operator()(const BarrierMessage& barrier) { put(MessageKind::barrier, barrier.wave); }
  void operator()(const CommitMessage& commit) { put(MessageKind::commit, commit.number); }
  void operator()(const StopMessage&) { put(MessageKind::stop); }
  void operator()(const TeamMessage& team) {
    ByteWriter out = begin(message, MessageKind::compute_in_team);
    put_block(out, team.block);
    out.put(team.team);
    out.put(team.is_new);
    out.put_list(team.members);
  }
  void operator()(const ReleaseTeamMessage& release) { put(MessageKind::release_team, release.team); }
  void operator()(const DoneMessage& done) { encode_into(message, done.report); }
  void operator()(const RetractedMessage& given_back) {
    put(MessageKind::retracted, given_back.retracted.block, given_back.retracted.rest);
  }
  void operator()(const TeamNewsMessage& told) {
    ByteWriter out = begin(message, MessageKind::team_news);
    out.put(told.news.block);
    out.put(told.news.attempt);
    out.put(told.news.failure.has_value());
    if (told.news.failure) put_failure(out, *told.news.failure);
  }

  void operator()(const TroubleMessage& trouble) {
    ByteWriter out = begin(message, MessageKind::trouble);
    put_failure(out, trouble.failure);
  }

  template <class... Numbers>
  void put(MessageKind kind, Numbers... numbers) {
    ByteWriter out = begin(message, kind);
    (out.put(numbers), ...);
  }
};

/// The message that `get` makes of the content, all of which belongs to it.
template <class Message, class Get>
Message whole(ByteReader& in, const Get& get) {
  Message message{get(in)};
  in.expect_end();
  return message;
}

}  // namespace

void encode_into(EncodedMessage& message, const Block& block) {
  ByteWriter out = begin(message, MessageKind::compute);
  put_block(out, block);
}

void encode_into(EncodedMessage& message, const BlockReport& report) {
  ByteWriter out = begin(message, MessageKind::done);
  put_block(out, report.block);
  out.put(report.completed);
  out.put(Index{report.busy.count()});
  out.put(report.journal_bytes);
  const int flags = (report.failure ? kHasFailure : 0) | (report.late_shapes.empty() ? 0 : kHasLateShapes) |
                    (report.failed.empty() ? 0 : kHasFailed) | (report.stopped ? kStopped : 0);
  out.put(static_cast<std::uint8_t>(flags));
  if (report.failure) put_failure(out, *report.failure);
  if (!report.late_shapes.empty()) put_late_shapes(out, report.late_shapes);
  if (!report.failed.empty()) put_failed(out, report);
}

EncodedMessage encode(const ToWorker& message) {
  Encoder encoder;
  std::visit(encoder, message);
  return std::move(encoder.message);
}

EncodedMessage encode(const ToRoot& message) {
  Encoder encoder;
  std::visit(encoder, message);
  return std::move(encoder.message);
}

ToWorker decode_to_worker(const Frame& frame) {
  ByteReader in(frame.content(), kRunMessage);
  const auto number = [](ByteReader& rest) { return rest.get<std::uint32_t>(); };
  switch (static_cast<MessageKind>(frame.kind)) {
    case MessageKind::compute:
      return whole<ComputeMessage>(in, get_block);
    case MessageKind::retract:
      return whole<RetractMessage>(in, [](ByteReader& rest) { return rest.get<std::uint64_t>(); });
    case MessageKind::barrier:
      return whole<BarrierMessage>(in, number);
    case MessageKind::commit:
      return whole<CommitMessage>(in, number);
    case MessageKind::stop:
      in.expect_end();
      return StopMessage{};
    case MessageKind::compute_in_team:
      return whole<TeamMessage>(in, get_team);
    case MessageKind::release_team:
      return whole<ReleaseTeamMessage>(in, number);
    // These are listed instead of a `default`, so that the compiler warns of a kind that is new.
    case MessageKind::done:
    case MessageKind::retracted:
    case MessageKind::team_news:
    case MessageKind::trouble:
      break;
  }
  in.fail(fmt::format("a worker gets no message of kind {}", frame.kind));
}

ToRoot decode_to_root(const Frame& frame) {
  ByteReader in(frame.content(), kRunMessage);
  switch (static_cast<MessageKind>(frame.kind)) {
    case MessageKind::done:
      return whole<DoneMessage>(in, get_report);
    case MessageKind::retracted:
      return whole<RetractedMessage>(in, get_retracted);
    case MessageKind::team_news:
      return whole<TeamNewsMessage>(in, get_news);
    case MessageKind::trouble:
      return whole<TroubleMessage>(in, [](ByteReader& rest) { return get_failure(rest); });
    default:
      in.fail(fmt::format("rank 0 gets no message of kind {}", frame.kind));
  }
}

Bytes encode_failure(const Failure& failure) {
  ByteWriter out;
  put_failure(out, failure);
  return std::move(out.bytes());
}

Failure decode_failure(std::span<const std::byte> bytes) {
  ByteReader in(bytes, kRunMessage);
  return whole<Failure>(in, get_failure);
}

}  // namespace mpipe
