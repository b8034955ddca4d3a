// SPDX-License-Identifier: BSD-3-Clause
#include "futures/task_messages.hpp"

#include "exec/api/message_bytes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace mpipe::detail {

namespace {

enum class Kind : FrameKind { call = 1, stop = 2, result = 65, failure = 66, lost = 67 };

/// The beginning of a call, as it travels.
struct CallHeader {
  std::uint64_t task;
  std::uint64_t invoker_offset;
  std::uint64_t target_offset;
  std::uint32_t invoker_module;
  std::uint32_t target_module;
};
static_assert(sizeof(CallHeader) == call_header_bytes);

/// The beginning of an answer.
struct AnswerHeader {
  std::uint64_t task;
  std::int64_t busy_ns;
};
static_assert(sizeof(AnswerHeader) == 16);

[[noreturn]] void refuse(const Frame& frame, std::string_view what) {
  throw Bug(fmt::format("malformed message of kind {} about a task: {}", frame.kind, what));
}

template <class Header>
Header read_header(const Frame& frame) {
  Header header;
  if (frame.body.size() < sizeof header) refuse(frame, "it is too short");
  std::memcpy(&header, frame.body.data(), sizeof header);
  return header;
}

/// What follows the header: the rest of the body, or else the payload.
std::span<const std::byte> content_of(const Frame& frame, std::size_t header_bytes) {
  const std::span<const std::byte> rest = frame.body.subspan(header_bytes);
  if (frame.payload.empty()) return rest;
  if (!rest.empty()) refuse(frame, "both a body and a payload");
  return frame.payload;
}

void put_answer_header(EncodedMessage& message, Kind kind, TaskId task, Duration busy) {
  const AnswerHeader header{task, busy.count()};
  message.kind = static_cast<FrameKind>(kind);
  std::memcpy(message.bytes.data(), &header, sizeof header);
  message.size = sizeof header;
}

/// Behind the header, or as the payload.
void put_content(EncodedMessage& message, Bytes& content) {
  if (message.size + content.size() <= max_body_bytes) {
    std::copy(content.begin(), content.end(),
              message.bytes.begin() + static_cast<std::ptrdiff_t>(message.size));
    message.size += content.size();
    content.clear();
  } else {
    message.payload = std::exchange(content, {});
  }
}

TaskFailure read_failure(const Frame& frame) {
  wire::Reader reader(frame.kind, content_of(frame, sizeof(AnswerHeader)));
  TaskFailure failure;
  failure.category = reader.get_category();
  failure.rank = reader.get<std::int32_t>();
  for (std::string* field : {&failure.type, &failure.message, &failure.host}) *field = reader.get_text();
  reader.expect_end();
  return failure;
}

Duration busy_of(const Frame& frame, const AnswerHeader& header) {
  if (header.busy_ns < 0) refuse(frame, "a negative time");
  return Duration(header.busy_ns);
}

}  // namespace

void put_call_header(EncodedMessage& message, TaskId task, CodeAddress invoker, CodeAddress target) {
  const CallHeader header{task, invoker.offset, target.offset, invoker.module, target.module};
  message.kind = static_cast<FrameKind>(Kind::call);
  std::memcpy(message.bytes.data(), &header, sizeof header);
}

EncodedMessage encode_stop() {
  EncodedMessage message;
  message.kind = static_cast<FrameKind>(Kind::stop);
  return message;
}

EncodedMessage encode_result(TaskId task, Duration busy, Bytes& value) {
  EncodedMessage message;
  put_answer_header(message, Kind::result, task, busy);
  put_content(message, value);
  return message;
}

EncodedMessage encode(const FailureMessage& failure) {
  wire::DetailWriter content;
  content.put(static_cast<std::uint16_t>(failure.failure.category));
  content.put(static_cast<std::int32_t>(failure.failure.rank));
  for (const std::string* text : {&failure.failure.type, &failure.failure.message, &failure.failure.host})
    content.put_text(*text);
  EncodedMessage message;
  put_answer_header(message, Kind::failure, failure.task, failure.busy);
  put_content(message, content.bytes);
  return message;
}

EncodedMessage encode(const LostMessage& lost) {
  EncodedMessage message;
  message.kind = static_cast<FrameKind>(Kind::lost);
  const auto text = std::as_bytes(std::span(lost.why)).first(std::min(lost.why.size(), max_body_bytes));
  std::copy(text.begin(), text.end(), message.bytes.begin());
  message.size = text.size();
  return message;
}

ToTaskWorker decode_for_task_worker(const Frame& frame) {
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::call: {
      const auto header = read_header<CallHeader>(frame);
      return CallMessage{header.task,
                         {header.invoker_module, header.invoker_offset},
                         {header.target_module, header.target_offset},
                         content_of(frame, sizeof header)};
    }
    case Kind::stop:
      if (!frame.body.empty() || !frame.payload.empty()) refuse(frame, "more than belongs there");
      return StopTasksMessage{};
    default:
      refuse(frame, "not one that a worker gets");
  }
}

ToTaskRoot decode_for_task_root(const Frame& frame) {
  switch (static_cast<Kind>(frame.kind)) {
    case Kind::result: {
      const auto header = read_header<AnswerHeader>(frame);
      return ResultMessage{header.task, busy_of(frame, header), content_of(frame, sizeof header)};
    }
    case Kind::failure: {
      const auto header = read_header<AnswerHeader>(frame);
      return FailureMessage{header.task, busy_of(frame, header), read_failure(frame)};
    }
    case Kind::lost:
      if (!frame.payload.empty()) refuse(frame, "a payload that does not belong there");
      return LostMessage{{reinterpret_cast<const char*>(frame.body.data()), frame.body.size()}};
    default:
      refuse(frame, "not one that the root gets");
  }
}

}  // namespace mpipe::detail
