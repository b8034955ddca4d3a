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
#include "futures/future_thread.hpp"
#include "futures/task_messages.hpp"

#include <deque>

namespace mpipe::detail {

class TaskHub;

/// The tasks of one executor.
class TaskChannel {
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

  /// One of its tasks that wait is going to be cancelled.
  void on_cancelled();

 private:
  friend class TaskHub;
  enum class Readiness : std::uint8_t { excluded, unprepared, preparing, ready };
  /// A call that is ready to be sent. Without a state: of the initializer.
  struct Call {
    TaskId task = 0;
    TaskName name;
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

/// All executors of one communicator. It is one of those that the futures of its thread drive.
class TaskHub {
 public:
  /// `places`: of the workers. Everything given must outlive it.
  TaskHub(RootTransport& transport, const CodeMap& code, std::vector<ProcessPlace> places, WaitOptions wait);

  ~TaskHub() { home_.remove(*this); }
  TaskHub(const TaskHub&) = delete;
  TaskHub& operator=(const TaskHub&) = delete;

  /// A new executor on the `most` workers that the fewest others use. It lives as long as this.
  TaskChannel& open(std::uint32_t most, std::optional<Task> initializer);
  /// Forgets one that is not used any more, as soon as it is idle.
  void close(TaskChannel& channel);

  /// Deals with one message. False when there was none.
  bool turn();
  /// Some executor has tasks.
  bool busy() const;
  /// Data is under way, which flows while this takes turns.
  bool transferring() const { return transport_.transferring(); }
  const WaitOptions& wait_options() const { return wait_; }
  FutureThread& home() const { return home_; }
  /// Fails all that is under way, and what waits.
  void on_silence(Duration waited);
  /// Ends: cancels what waits where `cancel`, waits for the rest, then lets the workers go.
  void finish(bool cancel);
  /// Throws `Error` (not_supported) in other threads, and in submitted functions.
  void check_thread() const { home_.check(); }

  std::uint32_t worker_count() const { return static_cast<std::uint32_t>(slots_.size()); }
  std::exception_ptr broken() const { return broken_; }

 private:
  friend class TaskChannel;
  /// A task at a worker. Without a state: an initializer.
  struct Sent {
    TaskId task = 0;
    TaskName name;
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
  /// What workers have at the moment, for people; empty where they have nothing.
  std::string tasks_at_workers() const;
  void forget_closed();

  RootTransport& transport_;
  const CodeMap& code_;
  const std::vector<ProcessPlace> places_;
  const WaitOptions wait_;
  FutureThread& home_;
  std::vector<Slot> slots_;  ///< by worker
  std::vector<std::unique_ptr<TaskChannel>> channels_;
  std::size_t idle_workers_ = 0;
  TaskId next_task_ = 1;
  std::exception_ptr broken_;
  bool finished_ = false;
};

}  // namespace mpipe::detail
