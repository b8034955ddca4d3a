// SPDX-License-Identifier: BSD-3-Clause
// The tasks of one executor: its queue on the root, and the workers that may take from it.
#include "futures/task_hub.hpp"

#include <algorithm>

namespace mpipe::detail {

namespace {

/// The queue is cleaned of cancelled tasks when they are more than the others, and at least so many.
constexpr std::size_t least_dropped = 64;

}  // namespace

TaskChannel::TaskChannel(TaskHub& hub, std::vector<WorkerId> workers, std::optional<Task> initializer)
    : hub_(hub),
      workers_(std::move(workers)),
      readiness_(hub.worker_count(), Readiness::excluded),
      initializer_(std::move(initializer)) {
  for (const WorkerId worker : workers_)
    readiness_[worker.value] = initializer_ ? Readiness::unprepared : Readiness::ready;
}

TaskChannel::Call TaskChannel::prepare(Task& task, std::shared_ptr<FutureState> state) const {
  // Looking up the code may throw, so it precedes everything else: a task that cannot be sent gets no
  // number, and no place in the queue.
  const CodeAddress invoker = hub_.code_.locate(reinterpret_cast<const void*>(task.invoker()));
  CodeAddress target;
  if (task.target() != nullptr) target = hub_.code_.locate(reinterpret_cast<const void*>(task.target()));
  const TaskId id = hub_.next_task_++;
  return {id, task.name(), encode_call(id, invoker, target, std::move(task.message())), std::move(state)};
}

void TaskChannel::submit(Task task, std::shared_ptr<FutureState> state) {
  hub_.check_thread();
  // An answer that has arrived may make a worker idle, or tell that the executor is broken.
  hub_.turn();
  if (broken_) std::rethrow_exception(broken_);
  Call call = prepare(task, std::move(state));
  const std::optional<WorkerId> idle = hub_.find_idle(*this);
  // A task goes past the queue only where it overtakes no other task of this executor.
  if (idle && waiting_ == 0 && readiness_[idle->value] == Readiness::ready) {
    hub_.send(*idle, *this, std::move(call));
    return;
  }
  queue_.push_back(std::move(call));
  ++waiting_;
  if (idle) hub_.refill(*idle);
}

bool TaskChannel::next_is_small() {
  // Tasks that were cancelled are in the queue still, but not in `waiting_` any more.
  while (!queue_.empty() && queue_.front().state->done()) queue_.pop_front();
  return !queue_.empty() && queue_.front().message.fits_frame();
}

std::optional<TaskChannel::Call> TaskChannel::take() {
  while (!queue_.empty()) {
    Call call = std::move(queue_.front());
    queue_.pop_front();
    if (call.state->done()) continue;
    --waiting_;
    return call;
  }
  return std::nullopt;
}

void TaskChannel::cancel_pending() {
  // The queue is taken out first, as each cancellation comes back to `on_cancelled`.
  const FutureThread::Hold hold;
  for (const Call& call : std::exchange(queue_, {})) call.state->cancel();
}

void TaskChannel::on_cancelled() {
  hub_.check_thread();
  --waiting_;
  // The state is not done yet, so this task leaves the queue at a later look.
  drop_cancelled();
}

void TaskChannel::drop_cancelled() {
  const std::size_t dropped = queue_.size() - std::min(queue_.size(), waiting_);
  if (dropped < least_dropped || dropped < waiting_) return;
  std::erase_if(queue_, [](const Call& call) { return call.state->done(); });
}

void TaskChannel::initialize() {
  for (const WorkerId worker : workers_) {
    if (readiness_[worker.value] == Readiness::unprepared && hub_.slots_[worker.value].count == 0)
      hub_.send_initializer(worker, *this);
  }
}

bool TaskChannel::initialized() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [this](WorkerId worker) { return readiness_[worker.value] == Readiness::ready; });
}

void TaskChannel::note_busy(Duration busy) {
  // Falls slowly: one long task among short ones is remembered for a while.
  longest_ = longest_ ? std::max(busy, *longest_ - *longest_ / 16) : busy;
}

void TaskChannel::break_with(const std::exception_ptr& error) {
  const FutureThread::Hold hold;
  if (!broken_) broken_ = error;
  waiting_ = 0;
  for (const Call& call : std::exchange(queue_, {})) call.state->fail(error);
}

}  // namespace mpipe::detail
