// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What handles of futures share. For future.hpp and the executors.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

namespace mpipe {

/// In this order a future goes through them, from one of the first two to one of the last three.
enum class FutureStatus : std::uint8_t { pending, running, finished, failed, cancelled };

namespace detail {

class FutureState;

/// Who brings futures about.
class FutureDriver {
 public:
  /// Deals with one message, or hands out a task; false when there was nothing to do. Never waits. Throws
  /// `Error` when it is called by another thread than the executor's.
  virtual bool turn() = 0;
  /// One of its pending futures was cancelled.
  virtual void on_cancelled() = 0;
  /// Nothing happened for longer than the limit of the wait options: fails all that is under way.
  virtual void on_silence(Duration waited) = 0;
  virtual const WaitOptions& wait_options() const = 0;
  /// Data is under way, which flows while it is driven.
  virtual bool transferring() const = 0;

 protected:
  ~FutureDriver() = default;
};

/// Is told when futures are done; stays registered for as long as it wants.
class FutureWatcher {
 public:
  virtual void on_done(FutureState& state) = 0;

 protected:
  ~FutureWatcher() = default;
};

/// A moment that far from now, where there is a timeout.
std::optional<TimePoint> deadline_after(std::optional<Duration> timeout);

/// The state of one future, without its value. One thread.
class FutureState : public std::enable_shared_from_this<FutureState> {
 public:
  /// `driver` must live until this is done. Without one it gets done because another is: see `set_source`.
  explicit FutureState(FutureDriver* driver) : driver_(driver) {}
  virtual ~FutureState() = default;
  FutureState(const FutureState&) = delete;
  FutureState& operator=(const FutureState&) = delete;

  FutureStatus status() const { return status_; }
  bool done() const { return status_ >= FutureStatus::finished; }
  /// What it failed with; null unless it did.
  std::exception_ptr error() const { return error_; }

  // For those who bring it about. What comes after it is done is ignored.
  void set_running() { status_ = FutureStatus::running; }
  void fail(std::exception_ptr error);
  /// Its value, encoded; fails when the bytes cannot be read.
  virtual void accept(std::span<const std::byte> encoded);
  /// Takes over an exception or a cancellation of `other`; false when that has a value instead.
  bool pass_on(const FutureState& other);
  /// Gets done when `source` does; null: no longer. Throws `Error` where this is a circle.
  void set_source(std::shared_ptr<FutureState> source);

  /// Cancels it unless it is running or done; true when it is cancelled.
  bool cancel();
  /// Drives the messages one step.
  void poll();
  /// Drives the messages until it is done; false when it is not at the deadline.
  bool wait_until(std::optional<TimePoint> deadline);
  /// As that; throws `FutureTimeout`, and what it failed with, or `FutureCancelled`.
  void wait_for_value(std::optional<Duration> timeout);
  /// Who to drive in order to get this done; null when it is.
  FutureDriver* driver() const;

  void on_done(std::function<void(FutureState&)> callback);
  void watch(FutureWatcher& watcher) { watchers_.push_back(&watcher); }
  void unwatch(FutureWatcher& watcher);

 protected:
  void complete(FutureStatus status);

 private:
  FutureDriver* driver_;
  std::shared_ptr<FutureState> source_;
  std::exception_ptr error_;
  std::vector<FutureWatcher*> watchers_;
  std::vector<std::function<void(FutureState&)>> callbacks_;
  FutureStatus status_ = FutureStatus::pending;
};

/// With the value.
template <class R>
class ValueState : public FutureState {
 public:
  explicit ValueState(FutureDriver* driver = nullptr) : FutureState(driver) {}
  void set_value(R value) {
    if (done()) return;
    value_.emplace(std::move(value));
    complete(FutureStatus::finished);
  }
  /// Precondition: finished.
  const R& value() const { return *value_; }
  R& mutable_value() { return *value_; }

 private:
  std::optional<R> value_;
};

template <>
class ValueState<void> : public FutureState {
 public:
  explicit ValueState(FutureDriver* driver = nullptr) : FutureState(driver) {}
  void set_value() {
    if (!done()) complete(FutureStatus::finished);
  }
  void value() const {}
};

/// Of a task: the value comes as bytes.
template <class R>
class TaskState final : public ValueState<R> {
 public:
  using ValueState<R>::ValueState;
  void accept(std::span<const std::byte> encoded) override {
    if constexpr (std::is_void_v<R>) {
      this->set_value();
    } else {
      std::optional<R> value;
      try {
        value.emplace(decode<R>(encoded));
      } catch (...) {
        return this->fail(std::current_exception());
      }
      this->set_value(std::move(*value));
    }
  }
};

// ---- several at once ------------------------------------------------------------------------------------

/// Waits until all of `states` are done, or the first, or the first that failed. False at the timeout.
bool wait_for_states(const std::vector<FutureState*>& states, bool first, bool first_exception,
                     std::optional<Duration> timeout);

/// Futures that were added, in the order in which they get done.
class Completions final : public FutureWatcher {
 public:
  Completions() = default;
  ~Completions();
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  /// Each is given once, however often it is added. Keeps it alive.
  void add(FutureState& state);
  /// The next that is done, null when all were given. It lives until the next call. Throws `FutureTimeout`.
  FutureState* next(std::optional<TimePoint> deadline);
  bool empty() const { return waiting_.empty() && done_.empty(); }
  void on_done(FutureState& state) override;

 private:
  std::unordered_set<FutureState*> waiting_;
  std::unordered_map<FutureState*, std::shared_ptr<FutureState>> kept_;
  std::deque<FutureState*> done_;
  std::shared_ptr<FutureState> given_;
};

template <class F>
std::vector<F> without_repeats(const std::vector<F>& futures) {
  std::unordered_set<const FutureState*> seen;
  std::vector<F> unique;
  for (const F& future : futures) {
    if (seen.insert(&future.state()).second) unique.push_back(future);
  }
  return unique;
}

template <class F>
std::vector<FutureState*> states_of(const std::vector<F>& futures) {
  std::vector<FutureState*> states;
  states.reserve(futures.size());
  for (const F& future : futures) states.push_back(&future.state());
  return states;
}

/// Makes a range of anything whose `next` gives values until there are none.
template <class Source, class T>
class InputRange {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  explicit InputRange(Source& source) : source_(&source), value_(source.next()) {}
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }
  InputRange& operator++() {
    value_ = source_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const InputRange& at, std::default_sentinel_t) { return !at.value_.has_value(); }

 private:
  Source* source_;
  std::optional<T> value_;
};

}  // namespace detail
}  // namespace mpipe
