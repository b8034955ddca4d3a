// SPDX-License-Identifier: BSD-3-Clause
// Runs the reactions of a thread's futures, and drives its executors while somebody waits.
#include "futures/future_thread.hpp"

#include <mpipe/core/failure.hpp>

#include "futures/task_hub.hpp"
#include "futures/task_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace mpipe::detail {

namespace {

TimePoint now() { return std::chrono::steady_clock::now(); }

/// A reaction runs in whatever call happens to drive its future. Its exception would come out of a wait for
/// something else, so it is printed instead.
void run(Reaction& reaction, FutureState& state) {
  try {
    reaction.react(state);
  } catch (...) {
    const Failure failure = failure_from_current_exception();
    const std::string line =
        fmt::format("mpipe: a callback of a future threw {}: {}\n", failure.type, failure.message);
    std::fputs(line.c_str(), stderr);
  }
}

}  // namespace

FutureThread& FutureThread::current() {
  thread_local FutureThread thread;
  return thread;
}

void FutureThread::check() const {
  if (this == &current()) return;
  if (place_of_task() != nullptr) {
    throw Error(
        Category::not_supported,
        "An executor or a future of it was used by a submitted function (it belongs to the thread that made "
        "it). Return what is needed to go on, and submit from there.");
  }
  throw Error(
      Category::not_supported,
      "An executor or a future of it was used by another thread than the one that made it (which alone may "
      "use MPI). Do so in that thread.");
}

void FutureThread::remove(TaskHub& hub) { std::erase(hubs_, &hub); }

void FutureThread::react() {
  // What this runs must not run others within it, or long chains would need as much stack.
  ++holds_;
  while (!due_.empty()) {
    const auto [state, reaction] = std::move(due_.front());
    due_.pop_front();
    run(*reaction, *state);
  }
  --holds_;
}

bool FutureThread::turn() {
  for (std::size_t k = 0; k < hubs_.size(); ++k) {
    next_hub_ = next_hub_ + 1 < hubs_.size() ? next_hub_ + 1 : 0;
    // Callbacks may have changed the list once a hub has done something, so this ends there.
    if (hubs_[next_hub_]->turn()) return true;
  }
  return false;
}

bool FutureThread::step(Waiter& waiter, std::optional<TimePoint> deadline) {
  if (turn()) {
    waiter.reset();
    return !deadline || now() < *deadline;
  }
  if (!due_.empty()) return true;
  if (!busy()) {
    throw Error(Category::cycle,
                "A future waits for something that will never be done (no task is under way any more: it "
                "waits for itself, or a callback was to set what it did not). Return another future from "
                "the function given to `then`.");
  }
  const bool flows =
      std::any_of(hubs_.begin(), hubs_.end(), [](const TaskHub* hub) { return hub->transferring(); });
  Duration pause = flows ? waiter.next_short_pause() : waiter.next_pause();
  if (deadline) {
    const Duration left = *deadline - now();
    if (left <= Duration::zero()) return false;
    pause = std::min(pause, left);
  }
  if (pause > Duration::zero()) sleep_for(pause);
  if (waiter.expired()) {
    const Hold hold;
    for (TaskHub* const hub : hubs_)
      if (hub->busy()) hub->on_silence(waiter.waited());
    waiter.reset();
  }
  return true;
}

WaitOptions FutureThread::wait_options() const {
  if (hubs_.empty()) return {};
  const auto at = std::find_if(hubs_.begin(), hubs_.end(), [](const TaskHub* hub) { return hub->busy(); });
  return (at != hubs_.end() ? *at : hubs_.front())->wait_options();
}

bool FutureThread::busy() const {
  return std::any_of(hubs_.begin(), hubs_.end(), [](const TaskHub* hub) { return hub->busy(); });
}

}  // namespace mpipe::detail
