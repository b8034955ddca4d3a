// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the futures of one thread share: the hubs that bring them about, and the reactions that are due.
#pragma once

#include <mpipe/futures/future_state.hpp>

#include "comm/api/waiter.hpp"

#include <deque>
#include <vector>

namespace mpipe::detail {

class TaskHub;

/// One per thread. Reactions (callbacks, futures that are made of others) do not run where a future gets done,
/// but from a list, one after the other: a chain of any length is a loop, and hubs are never entered by a
/// callback in the midst of their bookkeeping.
class FutureThread {
 public:
  static FutureThread& current();
  FutureThread() = default;
  FutureThread(const FutureThread&) = delete;
  FutureThread& operator=(const FutureThread&) = delete;

  /// While one lives, reactions become due but do not run; the end of the outermost one runs them.
  class Hold {
   public:
    Hold() : thread_(current()) { ++thread_.holds_; }
    ~Hold() {
      if (--thread_.holds_ == 0) thread_.react();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    FutureThread& thread_;
  };

  /// Throws `Error` (not_supported) unless this is of the calling thread.
  void check() const;
  void add(TaskHub& hub) { hubs_.push_back(&hub); }
  void remove(TaskHub& hub);

  /// `reaction` is due. It runs when no `Hold` lives, or when somebody waits.
  void react_later(std::shared_ptr<FutureState> done, std::shared_ptr<Reaction> reaction) {
    due_.emplace_back(std::move(done), std::move(reaction));
  }
  /// Deals with one message, of any hub. False when there was none.
  bool turn();
  /// Runs what is due, and deals with one message.
  void drive_once() {
    react();
    turn();
    react();
  }
  /// Runs reactions and drives all hubs until `condition` holds; false when it does not at the deadline.
  /// Throws `Error` (cycle) when nothing is under way any more.
  template <class Condition>
  bool drive_until(const Condition& condition, std::optional<TimePoint> deadline = std::nullopt) {
    Waiter waiter(wait_options());
    for (;;) {
      react();
      if (condition()) return true;
      if (step(waiter, deadline)) continue;
      react();
      return condition();
    }
  }

 private:
  /// Runs what is due, and what becomes due by that.
  void react();
  bool step(Waiter& waiter, std::optional<TimePoint> deadline);
  WaitOptions wait_options() const;
  bool busy() const;

  std::vector<TaskHub*> hubs_;
  std::size_t next_hub_ = 0;
  std::deque<std::pair<std::shared_ptr<FutureState>, std::shared_ptr<Reaction>>> due_;
  int holds_ = 0;
};

}  // namespace mpipe::detail
