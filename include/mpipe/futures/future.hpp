// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values that will be there later, in the manner of Python's concurrent.futures.
///
/// There is no thread behind them: asking for a value, waiting, `done` and `submit` drive the messages of all
/// executors of this thread. All belong to the thread that made the executor. Callbacks run in that thread,
/// within such a call, one after the other: what becomes due within a callback follows when that has returned
/// or waits.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/futures/future_state.hpp>

#include <concepts>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace mpipe {

/// The submitted function threw, or a value could not be read or written where it ran.
class TaskError final : public Error {
 public:
  explicit TaskError(Failure failure);
  /// What was thrown, as the process saw it that ran the function. Its rank is that in the communicator that
  /// the executor was made of.
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

/// The value was not there in time. The task goes on, and the future can be asked again.
class FutureTimeout final : public Error {
 public:
  explicit FutureTimeout(const std::string& message) : Error(Category::cancelled, message) {}
};

/// The value will never be there, as somebody cancelled the future before its task began.
class FutureCancelled final : public Error {
 public:
  FutureCancelled();
};

/// The workers cannot be used any more: an initializer failed on one (category function_raised), or one was
/// lost or sent what cannot be understood (rank_lost). All that was not done by then fails in this way. The
/// message names the tasks that workers had.
class BrokenPool final : public Error {
 public:
  using Error::Error;
};

template <class R>
class Future;

namespace detail {

template <class R>
struct FutureValue {
  using type = void;  ///< no future
};
template <class R>
struct FutureValue<Future<R>> {
  using type = R;
};
template <class T>
inline constexpr bool is_future = false;
template <class R>
inline constexpr bool is_future<Future<R>> = true;

/// What a callback makes of a value of type `R`: `U`, where it returns `U` or `Future<U>`.
template <class F, class R>
struct ThenResult {
  using Returned = std::remove_cvref_t<std::invoke_result_t<F&, const R&>>;
};
template <class F>
struct ThenResult<F, void> {
  using Returned = std::remove_cvref_t<std::invoke_result_t<F&>>;
};
template <class T>
using Unwrapped = typename std::conditional_t<is_future<T>, FutureValue<T>, std::type_identity<T>>::type;

[[noreturn]] void throw_no_future();

}  // namespace detail

/// A future whatever its value is. Copies are handles of the same future. One that was default-made or moved
/// from is no future: `valid` tells, and all else throws `Error` (bad_option).
class AnyFuture {
 public:
  using State = detail::FutureState;

  AnyFuture() = default;
  explicit AnyFuture(std::shared_ptr<State> state) : state_(std::move(state)) {}

  bool valid() const { return state_ != nullptr; }
  /// Whether it has a value, an exception, or was cancelled. Drives the messages one step.
  bool done() const { return state().poll(), state_->done(); }
  /// Whether it was handed to a worker, where it can no longer be cancelled. It may still wait there.
  bool running() const { return state().status() == FutureStatus::running; }
  bool cancelled() const { return state().status() == FutureStatus::cancelled; }
  /// Cancels it unless it is running or done; returns whether it is cancelled now. A future that was made of
  /// others (`then`, `recover`, `collect`) is given up, and those are cancelled too, unless something else
  /// waits for them: another future that was made of them, a callback, an `as_completed`.
  bool cancel() const { return state().cancel(); }

  /// Waits until it is done. Null when it has a value, otherwise what `result` would throw, but throws
  /// `FutureTimeout` and `FutureCancelled` itself.
  std::exception_ptr exception(Timeout timeout = {}) const;

  /// The same future, not only an equal value.
  friend bool operator==(const AnyFuture& a, const AnyFuture& b) { return a.state_ == b.state_; }

  detail::FutureState& state() const {
    if (!state_) detail::throw_no_future();
    return *state_;
  }

 protected:
  std::shared_ptr<detail::FutureState> state_;
};

/// The result of a submitted function, of type `R` (or void).
template <class R>
class Future : public AnyFuture {
 public:
  using value_type = R;
  using State = detail::ValueState<R>;

  Future() = default;
  explicit Future(std::shared_ptr<State> state) : AnyFuture(std::move(state)) {}

  /// Waits for the value, which stays with the future. Throws `TaskError` when the function threw,
  /// `FutureCancelled`, `BrokenPool`, and `FutureTimeout` when it is not there after `timeout`.
  decltype(auto) result(Timeout timeout = {}) const& {
    state().wait_for_value(timeout.deadline());
    return own().value();
  }
  /// The same of a temporary: the value itself.
  R result(Timeout timeout = {}) && {
    state().wait_for_value(timeout.deadline());
    if constexpr (!std::is_void_v<R>) {
      if (state_.use_count() == 1) return std::move(own().mutable_value());
      return own().value();
    }
  }

  /// Calls `callback(future)` when this is done, at once when it is. Callbacks run in the order they were
  /// added; what they throw is written to the standard error stream and otherwise ignored.
  template <class Callback>
  void add_done_callback(Callback callback) const;

  /// The future of `f(value)`, called here, in this process, when the value is there; `f` may capture what it
  /// likes. Where `f` returns a future, its value. Exceptions, those of `f` too, and cancellation pass
  /// through. Chains may have as many links as there is memory for.
  template <class F>
  auto then(F f) const;
  /// The same, and the future of `recover(exception_ptr)` where there is no value but an exception. Returns
  /// what `f` returns.
  template <class F, class Recover>
  auto then(F f, Recover recover) const;
  /// This value, or `recover(exception_ptr)` where there is an exception instead; it may throw another.
  template <class Recover>
  Future<R> recover(Recover recover) const;

 private:
  State& own() const { return static_cast<State&>(*state_); }
};

// ---------------------------------------------------------------------------------------------------------------

/// When `wait` returns.
enum class ReturnWhen { first_completed, first_exception, all_completed };

template <class F>
struct WaitResult {
  std::vector<F> done;
  std::vector<F> not_done;
};

namespace detail {

/// A container, array or view of futures.
template <class Range>
using FutureOf = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;
template <class Range>
concept FutureRange = std::derived_from<FutureOf<Range>, AnyFuture>;

/// The state as a handle of type `F`.
template <class F>
F handle_of(std::shared_ptr<FutureState> state) {
  return F(std::static_pointer_cast<typename F::State>(std::move(state)));
}

/// The states of futures, each once, in the order given.
template <class Range>
std::vector<std::shared_ptr<FutureState>> different_states(Range& futures) {
  std::vector<std::shared_ptr<FutureState>> states;
  const std::uint64_t round = next_round();
  for (const AnyFuture& future : futures) {
    FutureState& state = future.state();
    if (state.is_new_in(round)) states.push_back(state.shared_from_this());
  }
  return states;
}

}  // namespace detail

/// Waits for futures, of one type or as `AnyFuture`s. Returns at the timeout with what is done by then, and
/// never throws because of it. Each future is in one of the lists, once, in the order given.
template <detail::FutureRange Range>
auto wait(const Range& futures, ReturnWhen when = ReturnWhen::all_completed, Timeout timeout = {}) {
  using F = detail::FutureOf<const Range>;
  const auto states = detail::different_states(futures);
  detail::wait_for_states(states, when == ReturnWhen::first_completed, when == ReturnWhen::first_exception,
                          timeout.deadline());
  WaitResult<F> result;
  for (const auto& state : states)
    (state->done() ? result.done : result.not_done).push_back(detail::handle_of<F>(state));
  return result;
}
/// The same: `wait({a, b})`; futures of several types become `AnyFuture`s.
template <std::derived_from<AnyFuture> F>
WaitResult<F> wait(std::initializer_list<F> futures, ReturnWhen when = ReturnWhen::all_completed,
                   Timeout timeout = {}) {
  return wait(std::vector<F>(futures), when, timeout);
}
inline WaitResult<AnyFuture> wait(std::initializer_list<AnyFuture> futures,
                                  ReturnWhen when = ReturnWhen::all_completed, Timeout timeout = {}) {
  return wait(std::vector<AnyFuture>(futures), when, timeout);
}

/// Gives futures as they get done. See `as_completed`. One that was moved from gives none.
template <class F>
class AsCompleted {
 public:
  AsCompleted(std::vector<std::shared_ptr<detail::FutureState>> states, Timeout timeout)
      : deadline_(timeout.deadline()), completions_(std::make_unique<detail::Completions>()) {
    for (auto& state : states) completions_->add(std::move(state));
  }

  /// The next one that is done; empty after the last. Throws `FutureTimeout` when none is by the deadline.
  std::optional<F> next() {
    std::shared_ptr<detail::FutureState> state = completions_ ? completions_->next(deadline_) : nullptr;
    if (!state) return std::nullopt;
    return detail::handle_of<F>(std::move(state));
  }

  detail::InputRange<AsCompleted, F> begin() { return detail::InputRange<AsCompleted, F>(*this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::optional<TimePoint> deadline_;
  std::unique_ptr<detail::Completions> completions_;
};

/// `for (auto future : as_completed(futures)) ..`: each future once, in the order in which they get done. The
/// timeout counts from this call; when it is over, `FutureTimeout` is thrown by the loop.
template <detail::FutureRange Range>
auto as_completed(const Range& futures, Timeout timeout = {}) {
  return AsCompleted<detail::FutureOf<const Range>>(detail::different_states(futures), timeout);
}
template <std::derived_from<AnyFuture> F>
AsCompleted<F> as_completed(std::initializer_list<F> futures, Timeout timeout = {}) {
  return AsCompleted<F>(detail::different_states(futures), timeout);
}
inline AsCompleted<AnyFuture> as_completed(std::initializer_list<AnyFuture> futures, Timeout timeout = {}) {
  return AsCompleted<AnyFuture>(detail::different_states(futures), timeout);
}

// ---------------------------------------------------------------------------------------------------------------

namespace detail {

/// Calls `callback` with the future that is done.
template <class R, class Callback>
class CallbackReaction final : public Reaction {
 public:
  explicit CallbackReaction(Callback callback) : callback_(std::move(callback)) {}
  void react(FutureState& done) override {
    callback_(Future<R>(std::static_pointer_cast<ValueState<R>>(done.shared_from_this())));
  }

 private:
  Callback callback_;
};

/// Completes `next` with what `step` returns or throws: a value, nothing, or another future.
template <class U, class Step>
void complete_by(ValueState<U>& next, Step step) {
  using Returned = std::remove_cvref_t<decltype(step())>;
  try {
    if constexpr (is_future<Returned>) {
      follow(next, step());
    } else if constexpr (std::is_void_v<U>) {
      step();
      next.set_value();
    } else {
      next.set_value(step());
    }
  } catch (...) {
    next.fail(std::current_exception());
  }
}

/// Gives a future what another one got.
template <class U>
class FollowReaction final : public Reaction {
 public:
  explicit FollowReaction(std::shared_ptr<ValueState<U>> next) : next_(std::move(next)) {}
  void react(FutureState& done) override {
    if (!next_->pass_on(done))
      complete_by(*next_, [&]() -> decltype(auto) { return static_cast<ValueState<U>&>(done).value(); });
  }

 private:
  std::shared_ptr<ValueState<U>> next_;
};

/// `next` gets what `inner` gets.
template <class U>
void follow(ValueState<U>& next, const Future<U>& inner) {
  if (!inner.state().done()) next.set_source(inner.state());  // refuses circles
  inner.state().add_reaction(
      std::make_shared<FollowReaction<U>>(std::static_pointer_cast<ValueState<U>>(next.shared_from_this())));
}

/// A future that `act(itself, base)` completes when its base is done.
template <class U, class Act>
class DerivedState final : public ValueState<U>, public Reaction {
 public:
  explicit DerivedState(Act act) : act_(std::move(act)) {}
  void react(FutureState& base) override {
    // What the function holds is given up with this call: it may hold futures that this one was made of, and
    // a long chain of those would be destroyed by a recursion as deep.
    Act act = *std::move(act_);
    act_.reset();
    if (!this->done()) act(static_cast<ValueState<U>&>(*this), base);
  }

 private:
  std::optional<Act> act_;
};

/// The future of what `act(state of it, state of base)` makes of `base` when it is done.
template <class U, class Act>
Future<U> derive(FutureState& base, Act act) {
  auto next = std::make_shared<DerivedState<U, Act>>(std::move(act));
  if (!base.done()) next->set_source(base);
  base.add_reaction(next);
  return Future<U>(std::move(next));
}

template <class R, class F>
auto call_with_value(F& f, FutureState& state) {
  if constexpr (std::is_void_v<R>) {
    return f();
  } else {
    return f(static_cast<ValueState<R>&>(state).value());
  }
}

template <class R>
using Collected = std::conditional_t<std::is_void_v<R>, void, std::vector<R>>;

/// The values of several futures.
template <class R>
class CollectState final : public ValueState<Collected<R>>, public Reaction {
 public:
  using Parts = std::vector<std::shared_ptr<FutureState>>;

  /// Waits for `parts`, some of which may be the same.
  void begin(Parts parts) {
    parts_ = std::move(parts);
    left_ = parts_.size();
    if (left_ == 0) return finish();
    const auto self = std::static_pointer_cast<CollectState>(this->shared_from_this());
    // All that wait are known before the first is looked at: one that failed gives up the others.
    const Parts all = parts_;
    for (const auto& part : all)
      if (!part->done()) part->add_reaction(self);
    for (const auto& part : all)
      if (part->done()) react(*part);
  }

  void react(FutureState& part) override {
    if (this->done()) return;
    --left_;
    if (this->pass_on(part)) {
      std::vector<FutureState*> unneeded;
      const Parts kept = parts_;
      leave_sources(unneeded);
      this->cancel_all(unneeded);
    } else if (left_ == 0) {
      finish();
    }
  }

 private:
  void leave_sources(std::vector<FutureState*>& unneeded) override {
    for (const auto& part : std::exchange(parts_, {}))
      if (!part->done()) this->leave(*part, unneeded);
  }
  void finish() {
    const Parts parts = std::exchange(parts_, {});
    complete_by(static_cast<ValueState<Collected<R>>&>(*this), [&] {
      if constexpr (!std::is_void_v<R>) {
        std::vector<R> values;
        values.reserve(parts.size());
        for (const auto& part : parts) values.push_back(static_cast<ValueState<R>&>(*part).value());
        return values;
      }
    });
  }

  Parts parts_;
  std::size_t left_ = 0;
};

}  // namespace detail

/// The future of all values, in the order of the futures. The first exception or cancellation among them is
/// its own, and cancels the others, as far as nothing else waits for them. Of `Future<void>`s: void.
template <detail::FutureRange Range>
auto collect(const Range& futures) {
  using R = typename detail::FutureOf<const Range>::value_type;
  std::vector<std::shared_ptr<detail::FutureState>> parts;
  for (const Future<R>& future : futures) parts.push_back(future.state().shared_from_this());
  auto state = std::make_shared<detail::CollectState<R>>();
  state->begin(std::move(parts));
  return Future<detail::Collected<R>>(std::move(state));
}
template <class R>
auto collect(std::initializer_list<Future<R>> futures) {
  return collect(std::vector<Future<R>>(futures));
}

template <class R>
template <class Callback>
void Future<R>::add_done_callback(Callback callback) const {
  state().add_reaction(std::make_shared<detail::CallbackReaction<R, Callback>>(std::move(callback)));
}

template <class R>
template <class F>
auto Future<R>::then(F f) const {
  using U = detail::Unwrapped<typename detail::ThenResult<F, R>::Returned>;
  return detail::derive<U>(state(), [f = std::move(f)](auto& next, detail::FutureState& base) mutable {
    if (!next.pass_on(base)) detail::complete_by(next, [&] { return detail::call_with_value<R>(f, base); });
  });
}

template <class R>
template <class F, class Recover>
auto Future<R>::then(F f, Recover recover) const {
  using U = detail::Unwrapped<typename detail::ThenResult<F, R>::Returned>;
  return detail::derive<U>(state(), [f = std::move(f), recover = std::move(recover)](
                                        auto& next, detail::FutureState& base) mutable {
    if (base.status() == FutureStatus::failed) {
      detail::complete_by(next, [&] { return recover(base.error()); });
    } else if (!next.pass_on(base)) {
      detail::complete_by(next, [&] { return detail::call_with_value<R>(f, base); });
    }
  });
}

template <class R>
template <class Recover>
Future<R> Future<R>::recover(Recover recover) const {
  if constexpr (std::is_void_v<R>) {
    return then([] {}, std::move(recover));
  } else {
    return then([](const R& value) { return value; }, std::move(recover));
  }
}

}  // namespace mpipe
