// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The root's side of executors: who waits for which worker, who is sent what, and what becomes of answers.
/// One thread, the one that made it: others are refused.
///
/// A worker has at most two tasks: the one that it runs, and one behind it where tasks are short and many
/// wait, so that it need not wait for a message. Executors take turns at each worker.
#pragma once

#include <mpipe/futures/future_state.hpp>

#include "comm/api/transport.hpp"
#include "comm/api/waiter.hpp"
#include "futures/task_messages.hpp"

#include <deque>
#include <thread>

namespace mpipe::detail {

class TaskHub;

/// The tasks of one executor.
class TaskChannel final : public FutureDriver {
 public:
  TaskChannel(TaskHub& hub, std::vector<WorkerId> workers, std::optional<Task> initializer);

  /// Takes over a task; `state` is of this driver. Throws `BrokenPool`.
  void submit(Task task, std::shared_ptr<FutureState> state);
  /// Cancels what was not handed out.
  void cancel_pending();
  /// Lets every worker run the initializer, if there is one and it did not run there.
  void initialize();
  /// All its tasks are over: the queue is empty, and no worker has one.
  bool idle() const { return waiting_ == 0 && under_way_ == 0; }
  bool initialized() const;
  const std::vector<WorkerId>& workers() const { return workers_; }
  /// Null unless it is broken.
  std::exception_ptr broken() const { return broken_; }

  bool turn() override;
  void on_cancelled() override;
  void on_silence(Duration waited) override;
  const WaitOptions& wait_options() const override;
  bool transferring() const override;

 private:
  friend class TaskHub;
  enum class Readiness : std::uint8_t { excluded, unprepared, preparing, ready };
  /// A call that is ready to be sent. Without a state: of the initializer.
  struct Call {
    TaskId task = 0;
    EncodedMessage message;  ///< a call
    std::shared_ptr<FutureState> state;
  };

  Call prepare(Task& task, std::shared_ptr<FutureState> state) const;
  /// A task that waits, skipping those that were cancelled; empty when there is none.
  std::optional<Call> take();
  /// The next to be taken travels in one message.
  bool next_is_small();
  void drop_cancelled();
  void note_busy(Duration busy);
  void break_with(const std::exception_ptr& error);

  TaskHub& hub_;
  std::vector<WorkerId> workers_;
  std::vector<Readiness> readiness_;  ///< by worker
  std::optional<Task> initializer_;
  std::deque<Call> queue_;
  std::size_t waiting_ = 0;          ///< of the queue, without those that were cancelled
  std::size_t under_way_ = 0;        ///< at workers, initializers too
  std::size_t cursor_ = 0;           ///< where to look for an idle worker next
  std::optional<Duration> longest_;  ///< of late; empty until a task was measured
  std::exception_ptr broken_;
  bool closed_ = false;  ///< its executor is gone
};

/// All executors of one communicator.
class TaskHub {
 public:
  /// `places`: of the workers. Everything given must outlive it.
  TaskHub(RootTransport& transport, const CodeMap& code, std::vector<ProcessPlace> places, WaitOptions wait);

  /// A new executor on the `most` workers that the fewest others use. It lives as long as this.
  TaskChannel& open(std::uint32_t most, std::optional<Task> initializer);
  /// Forgets one that is not used any more, as soon as it is idle.
  void close(TaskChannel& channel);

  /// Deals with one message. False when there was none.
  bool turn();
  /// Drives until `condition` holds.
  template <class Condition>
  void drive_until(const Condition& condition) {
    Waiter waiter(wait_);
    while (!condition()) {
      if (turn()) {
        waiter.reset();
        continue;
      }
      const Duration pause = transport_.transferring() ? waiter.next_short_pause() : waiter.next_pause();
      if (pause > Duration::zero()) sleep_for(pause);
      if (waiter.expired()) on_silence(waiter.waited());
    }
  }
  /// Fails all that is under way, and what waits.
  void on_silence(Duration waited);
  /// Ends: cancels what waits where `cancel`, waits for the rest, then lets the workers go.
  void finish(bool cancel);
  /// Throws `Error` (not_supported) in other threads, and in submitted functions.
  void check_thread() const;

  std::uint32_t worker_count() const { return static_cast<std::uint32_t>(slots_.size()); }
  std::exception_ptr broken() const { return broken_; }

 private:
  friend class TaskChannel;
  /// A task at a worker. Without a state: an initializer.
  struct Sent {
    TaskId task = 0;
    TaskChannel* channel = nullptr;
    std::shared_ptr<FutureState> state;
  };
  /// What a worker has, in the order in which it will answer.
  struct Slot {
    std::array<Sent, 2> sent;
    std::size_t count = 0;
    std::size_t next_channel = 0;  ///< whose turn it is here
    std::size_t users = 0;         ///< executors that may use it
  };

  void handle(const Frame& frame);
  Sent take_answered(WorkerId worker, TaskId task);
  void answer(const Frame& frame, const ResultMessage& message);
  void answer(const Frame& frame, const FailureMessage& message);
  void answer(const Frame& frame, const LostMessage& message);
  void on_initialized(WorkerId worker, TaskChannel& channel, const Failure* failure);
  /// Gives the worker what waits for it.
  void refill(WorkerId worker);
  bool send_next(WorkerId worker);
  bool may_send_ahead(const Slot& slot, TaskChannel& channel) const;
  void send(WorkerId worker, TaskChannel& channel, TaskChannel::Call call);
  void send_initializer(WorkerId worker, TaskChannel& channel);
  /// An idle worker that `channel` may use.
  std::optional<WorkerId> find_idle(TaskChannel& channel);
  void break_all(const std::string& message);
  void forget_closed();

  RootTransport& transport_;
  const CodeMap& code_;
  const std::vector<ProcessPlace> places_;
  const WaitOptions wait_;
  const std::thread::id owner_;
  std::vector<Slot> slots_;  ///< by worker
  std::vector<std::unique_ptr<TaskChannel>> channels_;
  std::size_t idle_workers_ = 0;
  TaskId next_task_ = 1;
  std::exception_ptr broken_;
  bool finished_ = false;
};

}  // namespace mpipe::detail
