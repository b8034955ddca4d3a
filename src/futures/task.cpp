// SPDX-License-Identifier: BSD-3-Clause
// Calls that are ready to be sent, and the results of several calls in one message.
#include <mpipe/futures/map_results.hpp>
#include <mpipe/futures/task.hpp>

#include "base/api/failure_bytes.hpp"
#include "comm/api/frame.hpp"

#include <fmt/format.h>

namespace mpipe {

Task::Task(detail::TaskInvoker code, detail::TaskName name, Bytes message)
    : invoker_(code), name_(name), message_(std::move(message)) {
  if (message_.size() <= kMaxPayloadBytes) return;
  throw Error(
      Category::too_large,
      fmt::format("The arguments of a task have {} bytes (a message carries {} at most). Send them in "
                  "parts, or let the workers read them.",
                  message_.size() - detail::kCallHeaderBytes, kMaxPayloadBytes - detail::kCallHeaderBytes));
}

namespace detail {

void put_results(Bytes& out, std::uint32_t count, const std::function<void(ByteWriter&)>& next) {
  ByteWriter writer(out);
  const std::size_t at = writer.size();
  std::uint32_t completed = 0;
  // How many results follow is known only at the end, and is filled in then.
  writer.put(completed);
  std::optional<Failure> failure;
  std::size_t end = writer.size();
  try {
    for (; completed < count; ++completed) {
      next(writer);
      end = writer.size();
    }
  } catch (...) {
    failure = failure_of_task();
    out.resize(end);  // what there is of the result of the element that failed
  }
  writer.put_at(at, completed);
  writer.put(failure.has_value());
  if (failure) put_failure(writer, *failure);
}

std::uint32_t get_result_count(ByteReader& in, std::uint32_t sent) {
  const auto count = in.get<std::uint32_t>();
  if (count > sent) in.fail("there are more results than elements");
  return count;
}

std::optional<Failure> get_failure_behind(ByteReader& in, std::uint32_t count, std::uint32_t sent) {
  std::optional<Failure> failure;
  if (in.get<bool>()) failure = get_failure(in);
  in.expect_end();
  // A failure is that of the first element without a result: there is one exactly if results are missing.
  if ((count == sent) == failure.has_value())
    in.fail("the results are not those of the elements that were sent");
  return failure;
}

}  // namespace detail
}  // namespace mpipe
