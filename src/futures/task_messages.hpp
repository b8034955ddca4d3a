// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The messages between an executor and its workers (frames of comm/frame.hpp; numbers are little-endian):
///
///     kind  message  body
///        1  call     task u64, offset of the invoker u64, of the target u64, module of the invoker u32, of
///        the
///                    target u32 (0xffffffff: there is none), arguments; those that do not fit are the
///                    payload
///        2  stop
///       65  result   task u64, busy i64 (ns), value; one that does not fit is the payload
///       66  failure  task u64, busy i64 (ns), category u16, rank i32, then type, message and host as u32
///                    length and bytes; all behind `busy` is the payload where it does not fit
///       67  lost     why, as text: the worker cannot go on
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/messages.hpp>
#include <mpipe/futures/task.hpp>
#include <mpipe/futures/task_error.hpp>

#include "futures/code_map.hpp"

#include <variant>

namespace mpipe::detail {

using TaskId = std::uint64_t;

struct CallMessage {
  TaskId task = 0;
  CodeAddress invoker;
  CodeAddress target;
  std::span<const std::byte> arguments;  ///< in the frame
};
struct StopTasksMessage {};
using ToTaskWorker = std::variant<CallMessage, StopTasksMessage>;

struct ResultMessage {
  TaskId task = 0;
  Duration busy{};
  std::span<const std::byte> value;  ///< in the frame
};
struct FailureMessage {
  TaskId task = 0;
  Duration busy{};
  TaskFailure failure;
};
struct LostMessage {
  std::string why;
};
using ToTaskRoot = std::variant<ResultMessage, FailureMessage, LostMessage>;

/// Fills in the header of a task's message.
void put_call_header(EncodedMessage& message, TaskId task, CodeAddress invoker, CodeAddress target);
EncodedMessage encode_stop();
/// Takes the bytes of `value` away where they are too many for the body, and leaves it empty either way.
EncodedMessage encode_result(TaskId task, Duration busy, Bytes& value);
EncodedMessage encode(const FailureMessage& failure);
EncodedMessage encode(const LostMessage& lost);

/// Throw `Bug` for anything that is not made by the above.
ToTaskWorker decode_for_task_worker(const Frame& frame);
ToTaskRoot decode_for_task_root(const Frame& frame);

}  // namespace mpipe::detail
