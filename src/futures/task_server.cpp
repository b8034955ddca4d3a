// SPDX-License-Identifier: BSD-3-Clause
// A worker of executors: it takes a call, makes it, and sends the result or the failure.
#include "futures/task_server.hpp"

#include "comm/api/waiter.hpp"
#include "futures/crash_report.hpp"

#include <fmt/format.h>

namespace mpipe::detail {

namespace {

thread_local const ProcessPlace* place_of_running = nullptr;

class RunningTask {
 public:
  explicit RunningTask(const ProcessPlace& place) : before_(std::exchange(place_of_running, &place)) {}
  ~RunningTask() {
    place_of_running = before_;
    note_idle();
  }
  RunningTask(const RunningTask&) = delete;
  RunningTask& operator=(const RunningTask&) = delete;

 private:
  const ProcessPlace* before_;
};

TimePoint now() { return std::chrono::steady_clock::now(); }

}  // namespace

const ProcessPlace* place_of_task() { return place_of_running; }

Failure failure_of_task() {
  Failure failure = failure_from_current_exception();
  if (const ProcessPlace* const place = place_of_running) {
    failure.host = place->host;
    failure.rank = place->rank;
  }
  return failure;
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
    // The root is told before this rank gives up, or it would wait for the answer until its limit.
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

  begin_result(result_, message.task);
  const TimePoint start = now();
  std::optional<Failure> failure;
  const RunningTask running(place_);
  try {
    invoker(input, result_.content);
    // A value that no message can carry is a failure of the task, after which the worker goes on.
    check_result_size(result_);
  } catch (...) {
    failure = failure_of_task();
  }
  const Duration busy = now() - start;
  if (failure) {
    send(encode(FailureMessage{message.task, busy, *std::move(failure)}));
  } else {
    end_result(result_, busy);
    transport_.send(result_.kind, result_.body(), result_.take_payload());
  }
}

void TaskServer::send(EncodedMessage message) {
  transport_.send(message.kind, message.body(), message.take_payload());
}

void serve_tasks(TaskServer& server, const WaitOptions& wait, const ProcessPlace& place) {
  const CrashReport report(place);
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
