// SPDX-License-Identifier: BSD-3-Clause
#include "futures/task_server.hpp"

#include <fmt/format.h>

namespace mpipe::detail {

namespace {

thread_local const ProcessPlace* place_of_running = nullptr;

class RunningTask {
 public:
  explicit RunningTask(const ProcessPlace& place) : before_(std::exchange(place_of_running, &place)) {}
  ~RunningTask() { place_of_running = before_; }
  RunningTask(const RunningTask&) = delete;
  RunningTask& operator=(const RunningTask&) = delete;

 private:
  const ProcessPlace* before_;
};

TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

const ProcessPlace* place_of_task() { return place_of_running; }

TaskFailure failure_of_task() {
  Failure failure = failure_from_current_exception();
  TaskFailure of_task{std::move(failure.type), std::move(failure.message), {}, 0, failure.category};
  if (const ProcessPlace* const place = place_of_running) {
    of_task.host = place->host;
    of_task.rank = place->rank;
  }
  return of_task;
}

TaskServer::Turn TaskServer::turn() {
  const Frame* const frame = transport_.poll();
  if (frame == nullptr) return Turn::idle;
  try {
    const ToTaskWorker message = decode_for_task_worker(*frame);
    if (std::holds_alternative<StopTasksMessage>(message)) return Turn::stopped;
    run(std::get<CallMessage>(message));
    return Turn::worked;
  } catch (const Bug& bug) {
    send(encode(LostMessage{bug.what()}));
    throw;
  }
}

void TaskServer::run(const CallMessage& message) {
  // Outside of what is caught: a message that names no code is not the function's failure.
  const auto invoker =
      reinterpret_cast<TaskInvoker>(reinterpret_cast<std::uintptr_t>(code_.resolve(message.invoker)));
  TaskInput input{nullptr, message.arguments};
  if (message.target.module != CodeAddress::no_module)
    input.target =
        reinterpret_cast<AnyFunction>(reinterpret_cast<std::uintptr_t>(code_.resolve(message.target)));

  result_.clear();
  const TimePoint start = now();
  std::optional<TaskFailure> failure;
  const RunningTask running(place_);
  try {
    invoker(input, result_);
    if (result_.size() > max_payload_bytes) {
      throw Error(Category::too_large,
                  fmt::format("the result has {} bytes, and a message carries {} at most", result_.size(),
                              max_payload_bytes));
    }
  } catch (...) {
    failure = failure_of_task();
  }
  const Duration busy = now() - start;
  if (failure) {
    send(encode(FailureMessage{message.task, busy, *std::move(failure)}));
  } else {
    send(encode_result(message.task, busy, result_));
  }
}

void TaskServer::send(EncodedMessage message) {
  transport_.send(message.kind, message.body(), std::move(message.payload));
}

void serve_tasks(TaskServer& server, const WaitOptions& wait, const ProcessPlace& place) {
  Waiter waiter(wait);
  for (;;) {
    switch (server.turn()) {
      case TaskServer::Turn::stopped:
        return;
      case TaskServer::Turn::worked:
        waiter.reset();
        continue;
      case TaskServer::Turn::idle:
        break;
    }
    const Duration pause = server.transferring() ? waiter.next_short_pause() : waiter.next_pause();
    if (pause > Duration::zero()) sleep_for(pause);
    if (waiter.expired()) {
      throw Error(
          Category::rank_lost,
          fmt::format("Rank {} on {} heard nothing from the rank with the executors for {:.1f} s and gave "
                      "up (it is lost, or busy for longer than the limit). Look at its log; the limit is "
                      "MPIPE_WAIT_LIMIT.",
                      place.rank, place.host, seconds(waiter.waited())));
    }
  }
}

}  // namespace mpipe::detail
