// SPDX-License-Identifier: BSD-3-Clause
// The bytes of the messages between an executor and its workers, written and checked.
#include "futures/task_messages.hpp"

#include "base/api/failure_bytes.hpp"

#include <fmt/format.h>

#include <cstring>

namespace mpipe::detail {
namespace {

enum class TaskMessageKind : FrameKind { call = 1, stop = 2, result = 65, failure = 66, lost = 67 };

constexpr std::string_view kTaskMessage = "a message about a task";
/// In front of a value: the task, and how long it took.
constexpr std::size_t kAnswerHeaderBytes = sizeof(TaskId) + sizeof(Duration::rep);

/// The beginning of a call, as it travels.
struct CallHeader {
  std::uint64_t task;
  std::uint64_t invoker_offset;
  std::uint64_t target_offset;
  std::uint32_t invoker_module;
  std::uint32_t target_module;
};
static_assert(sizeof(CallHeader) == kCallHeaderBytes);

EncodedMessage message_of(TaskMessageKind kind, Bytes content = {}) {
  return {static_cast<FrameKind>(kind), std::move(content)};
}

CallMessage get_call(ByteReader& in) {
  const auto header = in.get<CallHeader>();
  return {header.task,
          {header.invoker_module, header.invoker_offset},
          {header.target_module, header.target_offset},
          in.take_rest()};
}

ResultMessage get_result(ByteReader& in) {
  ResultMessage result;
  result.task = in.get<TaskId>();
  result.busy = Duration(in.get_index());
  result.value = in.take_rest();
  return result;
}

FailureMessage get_task_failure(ByteReader& in) {
  FailureMessage message;
  message.task = in.get<TaskId>();
  message.busy = Duration(in.get_index());
  message.failure = get_failure(in);
  in.expect_end();
  return message;
}

}  // namespace

EncodedMessage encode_call(TaskId task, CodeAddress invoker, CodeAddress target, Bytes message) {
  const CallHeader header{task, invoker.offset, target.offset, invoker.module, target.module};
  // The task has left room for the header, so the arguments need not be moved.
  ByteWriter(message).put_at(0, header);
  return message_of(TaskMessageKind::call, std::move(message));
}

EncodedMessage encode_stop() { return message_of(TaskMessageKind::stop); }

void begin_result(EncodedMessage& message, TaskId task) {
  message.kind = static_cast<FrameKind>(TaskMessageKind::result);
  message.content.clear();
  ByteWriter out(message.content);
  out.put(task);
  // The time is filled in by `end_result`, when the function has returned.
  out.put(Duration::rep{0});
}

void check_result_size(const EncodedMessage& message) {
  if (message.content.size() <= kMaxPayloadBytes) return;
  throw Error(Category::too_large, fmt::format("the result has {} bytes, and a message carries {} at most",
                                               message.content.size() - kAnswerHeaderBytes,
                                               kMaxPayloadBytes - kAnswerHeaderBytes));
}

void end_result(EncodedMessage& message, Duration busy) {
  ByteWriter(message.content).put_at(sizeof(TaskId), busy.count());
}

EncodedMessage encode(const FailureMessage& failure) {
  ByteWriter out;
  out.put(failure.task);
  out.put(failure.busy.count());
  put_failure(out, failure.failure);
  return message_of(TaskMessageKind::failure, std::move(out.bytes()));
}

EncodedMessage encode(const LostMessage& lost) {
  ByteWriter out;
  // Longer text would be refused by the root, which would then never learn the reason.
  out.put_text(cut_text(lost.why, kMaxFailureText));
  return message_of(TaskMessageKind::lost, std::move(out.bytes()));
}

ToTaskWorker decode_for_task_worker(const Frame& frame) {
  ByteReader in(frame.content(), kTaskMessage);
  switch (static_cast<TaskMessageKind>(frame.kind)) {
    case TaskMessageKind::call:
      return get_call(in);
    case TaskMessageKind::stop:
      in.expect_end();
      return StopTasksMessage{};
    default:
      in.fail(fmt::format("a worker gets no message of kind {}", frame.kind));
  }
}

ToTaskRoot decode_for_task_root(const Frame& frame) {
  ByteReader in(frame.content(), kTaskMessage);
  switch (static_cast<TaskMessageKind>(frame.kind)) {
    case TaskMessageKind::result:
      return get_result(in);
    case TaskMessageKind::failure:
      return get_task_failure(in);
    case TaskMessageKind::lost: {
      LostMessage lost{in.get_text(kMaxFailureText)};
      in.expect_end();
      return lost;
    }
    default:
      in.fail(fmt::format("the root gets no message of kind {}", frame.kind));
  }
}

}  // namespace mpipe::detail
