// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What handles of futures share. For future.hpp and the executors.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/data/codec.hpp>

#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace mpipe {

/// In this order a future goes through them, from one of the first two to one of the last three.
enum class FutureStatus : std::uint8_t { pending, running, finished, failed, cancelled };

/// How long a call waits at most: any duration (`0.5s`, `std::chrono::minutes(2)`), or for ever.
class Timeout {
 public:
  Timeout() = default;  ///< for ever
  Timeout(std::nullopt_t) {}
  Timeout(std::optional<Duration> limit) : limit_(limit) {}
  template <class Count, class Period>
  Timeout(std::chrono::duration<Count, Period> limit) {
    // Beyond 285 years, and for NaN, it is for ever: nanoseconds do not count that far.
    constexpr double most = 9e9;
    const double seconds = std::chrono::duration<double>(limit).count();
    if (seconds < most) limit_ = seconds > 0 ? std::chrono::duration_cast<Duration>(limit) : Duration::zero();
  }

  /// When it is over, counted from now; empty: never.
  std::optional<TimePoint> deadline() const;

 private:
  std::optional<Duration> limit_;
};

namespace detail {

class FutureState;
class FutureThread;
class TaskChannel;

/// What is to be done when a future is: a callback, or completing another future.
class Reaction {
 public:
  Reaction() = default;
  virtual ~Reaction() = default;
  Reaction(const Reaction&) = delete;
  Reaction& operator=(const Reaction&) = delete;
  /// Called once, by the thread of the future, outside of all its bookkeeping. What it throws is printed.
  virtual void react(FutureState& done) = 0;
};

/// Is told when futures are done, and only takes note; stays registered for as long as it wants.
class FutureWatcher {
 public:
  /// `place`: what it registered with.
  virtual void on_done(FutureState& state, std::size_t place) = 0;

 protected:
  ~FutureWatcher() = default;
};

/// The state of one future, without its value. It belongs to the thread that made it; all of its calls that
/// wait or change something throw `Error` (not_supported) in others.
class FutureState : public std::enable_shared_from_this<FutureState> {
 public:
  /// `channel` brings it about, and must live until this is done. Without one it gets done by a reaction.
  explicit FutureState(TaskChannel* channel);
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
  /// Notes that it gets done by a reaction of `source`, which is not done. Throws `Error` (cycle) where
  /// `source` waits for this one.
  void set_source(FutureState& source);

  /// Cancels it unless it is running or done, and then what it was made of, where nothing else waits for
  /// that. True when it is cancelled.
  bool cancel();
  /// Drives the messages one step.
  void poll();
  /// Drives the messages until it is done; false when it is not at the deadline. Throws `Error` (cycle) where
  /// nothing is under way that could bring it about.
  bool wait_until(std::optional<TimePoint> deadline);
  /// As that; throws `FutureTimeout`, and what it failed with, or `FutureCancelled`.
  void wait_for_value(std::optional<TimePoint> deadline);

  /// Called when it is done; where it is already, before this returns, unless that would be within another
  /// reaction: then after it.
  void add_reaction(std::shared_ptr<Reaction> reaction);
  void watch(FutureWatcher& watcher, std::size_t place);
  void unwatch(FutureWatcher& watcher);
  /// True for the first call with this number; numbers of other calls are forgotten.
  bool is_new_in(std::uint64_t round) { return std::exchange(round_, round) != round; }

 protected:
  void complete(FutureStatus status);
  /// One of those that wait for `source` does so no longer. Where it was the last, `source` goes to
  /// `unneeded`.
  static void leave(FutureState& source, std::vector<FutureState*>& unneeded);
  /// Leaves all that it waits for.
  virtual void leave_sources(std::vector<FutureState*>& unneeded);
  /// Cancels these, and what they were made of.
  static void cancel_all(std::vector<FutureState*> states);

 private:
  void cancel_one(std::vector<FutureState*>& unneeded);

  TaskChannel* channel_;
  FutureThread* home_;
  /// Not owned: while it is not done, somebody else keeps it, the hub in the end.
  FutureState* source_ = nullptr;
  std::exception_ptr error_;
  std::vector<std::pair<FutureWatcher*, std::size_t>> watchers_;
  std::vector<std::shared_ptr<Reaction>> reactions_;
  std::uint64_t round_ = 0;
  std::uint32_t needed_by_ = 0;  ///< reactions that still want it
  FutureStatus status_ = FutureStatus::pending;
};

/// With the value.
template <class R>
class ValueState : public FutureState {
 public:
  explicit ValueState(TaskChannel* channel = nullptr) : FutureState(channel) {}
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
  explicit ValueState(TaskChannel* channel = nullptr) : FutureState(channel) {}
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

/// Waits until all of `states` are done, or the first, or the first that failed.
void wait_for_states(const std::vector<std::shared_ptr<FutureState>>& states, bool first,
                     bool first_exception, std::optional<TimePoint> deadline);

/// A number that no state was asked `is_new_in` with.
std::uint64_t next_round();

/// Futures that were added, in the order in which they get done.
class Completions final : public FutureWatcher {
 public:
  Completions() = default;
  ~Completions();
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  /// Keeps it until it is given. It is given as often as it was added.
  void add(std::shared_ptr<FutureState> state);
  /// The next that is done; null when all were given. Throws `FutureTimeout` at the deadline.
  std::shared_ptr<FutureState> next(std::optional<TimePoint> deadline);
  /// All that were not given.
  std::vector<std::shared_ptr<FutureState>> take_all();
  std::size_t size() const { return places_.size() - free_.size(); }
  void on_done(FutureState& state, std::size_t place) override;

 private:
  std::vector<std::shared_ptr<FutureState>> places_;
  std::vector<std::size_t> free_;  ///< places that are empty
  std::deque<std::size_t> done_;
};

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
