// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The messages between an executor and its workers (see comm/api/frame.hpp; `ByteWriter` puts them):
///
///     kind  message  content
///        1  call     task u64, offset of the invoker u64, of the target u64, module of the invoker u32, of the
///                    target u32 (0xffffffff: there is none), arguments
///        2  stop
///       65  result   task u64, busy i64 (ns), value
///       66  failure  task u64, busy i64 (ns), failure (see `put_failure`)
///       67  lost     why, as text: the worker cannot go on
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/futures/future.hpp>
#include <mpipe/futures/task.hpp>

#include "comm/api/frame.hpp"
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
  Failure failure;
};
struct LostMessage {
  std::string why;
};
using ToTaskRoot = std::variant<ResultMessage, FailureMessage, LostMessage>;

/// `message`: that of a `Task`, of which the header is filled in.
EncodedMessage encode_call(TaskId task, CodeAddress invoker, CodeAddress target, Bytes message);
EncodedMessage encode_stop();
/// Empties `message` and begins a result in it, to which the bytes of the value are to be appended.
void begin_result(EncodedMessage& message, TaskId task);
/// Throws `Error` (too_large) where the value is larger than what a message carries.
void check_result_size(const EncodedMessage& message);
void end_result(EncodedMessage& message, Duration busy);
EncodedMessage encode(const FailureMessage& failure);
EncodedMessage encode(const LostMessage& lost);

/// Throw `Bug` for anything that is not made by the above.
ToTaskWorker decode_for_task_worker(const Frame& frame);
ToTaskRoot decode_for_task_root(const Frame& frame);

}  // namespace mpipe::detail
