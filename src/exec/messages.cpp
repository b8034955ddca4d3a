// SPDX-License-Identifier: BSD-3-Clause
#include "exec/api/message_bytes.hpp"
#include "exec/teams/team_messages.hpp"

namespace mpipe {

namespace {

using namespace wire;

enum DoneFlag : std::uint8_t { has_failure = 1, has_late_shapes = 2, has_failed = 8 };

void put_late_shapes(DetailWriter& writer, const std::vector<LateShape>& late_shapes) {
  writer.put(static_cast<std::uint32_t>(late_shapes.size()));
  for (const LateShape& late : late_shapes) {
    writer.put(late.output.value);
    writer.put(late.internal);
  }
}

void put_failed(DetailWriter& writer, const BlockReport& report) {
  writer.put(static_cast<std::uint32_t>(report.failed.size()));
  for (const FailedElements& failed : report.failed) {
    writer.put(failed.function.value);
    writer.put(static_cast<std::uint32_t>(failed.elements.ranges().size()));
    for (const IndexRange& range : failed.elements.ranges()) {
      writer.put(range.begin);
      writer.put(range.end);
    }
  }
  writer.put(static_cast<std::uint32_t>(report.details.size()));
  for (const Failure& failure : report.details) put_failure(writer, failure);
}

/// What most reports do not have.
void put_details(EncodedMessage& message, const BlockReport& report) {
  DetailWriter details;
  std::uint8_t flags = 0;
  if (report.failure) {
    flags |= has_failure;
    put_failure(details, *report.failure);
  }
  if (!report.late_shapes.empty()) {
    flags |= has_late_shapes;
    put_late_shapes(details, report.late_shapes);
  }
  if (!report.failed.empty()) {
    flags |= has_failed;
    put_failed(details, report);
  }
  put_rest(message, flags, std::move(details));
}

std::vector<LateShape> get_late_shapes(Reader& reader) {
  std::vector<LateShape> late_shapes;
  const std::uint32_t count = reader.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    LateShape late;
    late.output.value = reader.get<std::uint32_t>();
    late.internal = reader.get_indices();
    late_shapes.push_back(std::move(late));
  }
  return late_shapes;
}

/// Elements of the block, in order, and no more failures than are told.
void get_failed(Reader& reader, BlockReport& report) {
  const auto functions = reader.get<std::uint32_t>();
  if (functions == 0) reader.fail("no failed elements, though they are announced");
  for (std::uint32_t k = 0; k < functions; ++k) {
    FailedElements& failed = report.failed.emplace_back();
    failed.function.value = reader.get<std::uint32_t>();
    const auto count = reader.get<std::uint32_t>();
    if (count == 0) reader.fail("a function without failed elements");
    Index end = report.block.range.begin;
    for (std::uint32_t r = 0; r < count; ++r) {
      const IndexRange range = reader.get_range();
      if (range.begin < end || range.end > report.block.range.end)
        reader.fail("failed elements that are not in the block, or not in order");
      failed.elements.insert(range);
      end = range.end;
    }
  }
  const auto count = reader.get<std::uint32_t>();
  if (count > max_failure_details) reader.fail("more failures than are ever told");
  for (std::uint32_t k = 0; k < count; ++k) report.details.push_back(get_failure(reader));
}

void get_details(const Frame& frame, Reader& body, BlockReport& report) {
  auto [flags, details] = get_rest(frame, body, has_failure | has_late_shapes | has_failed);
  if (flags & has_failure) report.failure = get_failure(details);
  if (flags & has_late_shapes) report.late_shapes = get_late_shapes(details);
  if (flags & has_failed) get_failed(details, report);
  details.expect_end();
}

void get_report(const Frame& frame, Reader& body, BlockReport& report) {
  report.block = body.get_block();
  report.completed = body.get_count();
  report.busy = Duration(body.get_count());
  report.journal_bytes = body.get<std::uint64_t>();
  get_details(frame, body, report);
  const bool complete = report.completed == report.block.range.size();
  if (report.completed > report.block.range.size() || complete == report.failure.has_value()) {
    body.fail("done elements that do not fit the range");
  }
}

}  // namespace

EncodedMessage encode(const Block& block) {
  EncodedMessage message;
  BodyWriter(message, Kind::compute).put(block);
  return message;
}

EncodedMessage encode(const BlockReport& report) {
  EncodedMessage message;
  BodyWriter writer(message, Kind::done);
  writer.put(report.block);
  writer.put(report.completed);
  writer.put(Index{report.busy.count()});
  writer.put(report.journal_bytes);
  put_details(message, report);
  return message;
}

namespace {

/// The other messages, one overload each: a new one does not compile until it is here.
struct Encoder {
  EncodedMessage operator()(const ComputeMessage& compute) const { return encode(compute.block); }
  EncodedMessage operator()(const RetractMessage& retract) const {
    return numbers(Kind::retract, retract.block);
  }
  EncodedMessage operator()(const BarrierMessage& barrier) const {
    return numbers(Kind::barrier, barrier.wave);
  }
  EncodedMessage operator()(const CommitMessage& commit) const {
    return numbers(Kind::commit, commit.number);
  }
  EncodedMessage operator()(const StopMessage&) const { return numbers(Kind::stop); }
  EncodedMessage operator()(const TeamMessage& team) const { return encode_team(team); }
  EncodedMessage operator()(const ReleaseTeamMessage& release) const {
    return numbers(Kind::release_team, release.team);
  }
  EncodedMessage operator()(const TeamNewsMessage& message) const { return encode_news(message.news); }
  EncodedMessage operator()(const DoneMessage& done) const { return encode(done.report); }
  EncodedMessage operator()(const RetractedMessage& message) const {
    return numbers(Kind::retracted, message.retracted.block, message.retracted.rest);
  }

  template <class... Numbers>
  static EncodedMessage numbers(Kind kind, Numbers... values) {
    EncodedMessage message;
    BodyWriter writer(message, kind);
    (writer.put(values), ...);
    return message;
  }
};

}  // namespace

EncodedMessage encode(const ToWorker& message) { return std::visit(Encoder(), message); }

EncodedMessage encode(const ToRoot& message) { return std::visit(Encoder(), message); }

ToWorker decode_to_worker(const Frame& frame) {
  Reader reader(frame.kind, frame.body);
  if (static_cast<Kind>(frame.kind) == Kind::compute_in_team) return decode_team(frame, reader);
  if (!frame.payload.empty()) reader.fail("a payload that does not belong there");
  const auto whole = [&reader](auto message) -> ToWorker {
    reader.expect_end();
    return message;
  };
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::compute:
      return whole(ComputeMessage{reader.get_block()});
    case Kind::retract:
      return whole(RetractMessage{reader.get<std::uint64_t>()});
    case Kind::barrier:
      return whole(BarrierMessage{reader.get<std::uint32_t>()});
    case Kind::commit:
      return whole(CommitMessage{reader.get<std::uint32_t>()});
    case Kind::stop:
      return whole(StopMessage{});
    case Kind::release_team:
      return whole(ReleaseTeamMessage{reader.get<std::uint32_t>()});
    case Kind::compute_in_team:
    case Kind::done:
    case Kind::retracted:
    case Kind::team_news:
      break;
  }
  reader.fail("not one that a worker gets");
}

ToRoot decode_to_root(const Frame& frame) {
  Reader reader(frame.kind, frame.body);
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::done: {
      ToRoot message(std::in_place_type<DoneMessage>);
      get_report(frame, reader, std::get<DoneMessage>(message).report);
      reader.expect_end();
      return message;
    }
    case Kind::retracted: {
      if (!frame.payload.empty()) reader.fail("a payload that does not belong there");
      const BlockId block = reader.get<std::uint64_t>();
      const IndexRange rest = reader.get_range();
      reader.expect_end();
      return RetractedMessage{{block, rest}};
    }
    case Kind::team_news:
      return TeamNewsMessage{decode_news(frame, reader)};
    default:
      reader.fail("not one that rank 0 gets");
  }
}

}  // namespace mpipe
