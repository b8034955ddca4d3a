// SPDX-License-Identifier: BSD-3-Clause
// Any bytes as what an executor and its workers send each other: a kind, the size of the body, body and
// payload of a frame; and the arguments, results and chunks of results in it as values of several types.
#include <mpipe/core/error.hpp>
#include <mpipe/futures/future_state.hpp>
#include <mpipe/futures/map_results.hpp>
#include <mpipe/futures/task.hpp>

#include "futures/task_messages.hpp"
#include "fuzz/fuzz_target.hpp"

#include <algorithm>

namespace {

using namespace mpipe;
using namespace mpipe::detail;

using Texts = std::vector<std::string>;

/// Reads arguments as those of `function`, which touches them all.
template <class F, class... Args>
void read_arguments(std::span<const std::byte> bytes, const F& function, const Args&... examples) {
  Bytes result;
  try {
    task(function, examples...).invoker()({nullptr, bytes}, result);
  } catch (const Error&) {
  }
}

void read_call(std::span<const std::byte> bytes) {
  read_arguments(
      bytes, [](bool flag, int number) { return flag ? number : 0; }, true, 1);
  read_arguments(
      bytes,
      [](const std::string& text, const std::vector<bool>& flags) { return text.size() + flags.size(); }, "",
      std::vector<bool>());
  read_arguments(
      bytes,
      [](ArrayView<const double> numbers, const Texts& texts) {
        double sum = 0;
        for (const double number : numbers) sum += number;
        for (const std::string& text : texts) sum += static_cast<double>(text.size());
        return sum;
      },
      Array<double>(Shape{0}), Texts());
}

/// A future takes what comes: a value, or why it is none.
template <class R>
void read_value(std::span<const std::byte> bytes) {
  TaskState<R> state;
  state.accept(bytes);
  fuzz::require(state.done(), "a future that got an answer is done");
}

template <class R>
void read_chunk(std::span<const std::byte> bytes) {
  constexpr std::uint32_t sent = 3;
  ChunkState<R> state(nullptr, sent);
  state.accept(bytes);
  fuzz::require(state.done(), "a future of a chunk that got an answer is done");
  if (state.status() != FutureStatus::finished) return;
  const Chunk<R>& chunk = state.value();
  fuzz::require(chunk.failure ? chunk.values.size() < sent : chunk.values.size() == sent,
                "a chunk has the results of its elements, up to one that failed");
}

void read_result(std::span<const std::byte> bytes) {
  read_value<double>(bytes);
  read_value<Texts>(bytes);
  read_value<Array<bool>>(bytes);
  read_chunk<void>(bytes);
  read_chunk<std::int16_t>(bytes);
  read_chunk<std::string>(bytes);
}

void read_failure(const FailureMessage& message) {
  const EncodedMessage encoded = encode(message);
  const ToTaskRoot again = decode_for_task_root({{}, encoded.kind, encoded.content, {}});
  const auto& read = std::get<FailureMessage>(again);
  fuzz::require(read.task == message.task && read.busy == message.busy &&
                    read.failure.message == message.failure.message &&
                    read.failure.category == message.failure.category,
                "a failure reads as it was sent");
  (void)TaskError(read.failure).what();
}

void read_frame(const Frame& frame) {
  try {
    const ToTaskWorker message = decode_for_task_worker(frame);
    if (const auto* call = std::get_if<CallMessage>(&message)) read_call(call->arguments);
  } catch (const Bug&) {  // nobody sends this
  }
  try {
    const ToTaskRoot message = decode_for_task_root(frame);
    if (const auto* result = std::get_if<ResultMessage>(&message)) read_result(result->value);
    if (const auto* failure = std::get_if<FailureMessage>(&message)) read_failure(*failure);
  } catch (const Bug&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (size < 2) return 0;
  const std::size_t body = std::min({kMaxBodyBytes, std::size_t{data[1]}, size - 2});
  read_frame({{}, data[0], bytes.subspan(2, body), bytes.subspan(2 + body)});
  return 0;
}
