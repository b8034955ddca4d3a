// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values that will be there later, in the manner of Python's concurrent.futures.
///
/// There is no thread behind them: asking for a value, waiting, `done` and `submit` drive the messages. All
/// belong to the thread that made the executor. Callbacks run in that thread, within such a call.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/data/codec.hpp>
#include <mpipe/futures/future_state.hpp>

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
/// lost or sent what cannot be understood (rank_lost). All that was not done by then fails in this way.
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

}  // namespace detail

/// A future whatever its value is. Copies are handles of the same future.
class AnyFuture {
 public:
  /// Whether it has a value, an exception, or was cancelled. Drives the messages one step.
  bool done() const { return state_->poll(), state_->done(); }
  /// Whether it was handed to a worker, where it can no longer be cancelled. It may still wait there.
  bool running() const { return state_->status() == FutureStatus::running; }
  bool cancelled() const { return state_->status() == FutureStatus::cancelled; }
  /// Cancels it unless it is running or done; returns whether it is cancelled now.
  bool cancel() const { return state_->cancel(); }

  /// Waits until it is done. Null when it has a value, otherwise what `result` would throw, but throws
  /// `FutureTimeout` and `FutureCancelled` itself.
  std::exception_ptr exception(std::optional<Duration> timeout = {}) const;

  /// The same future, not only an equal value.
  friend bool operator==(const AnyFuture& a, const AnyFuture& b) { return a.state_ == b.state_; }

  detail::FutureState& state() const { return *state_; }

 protected:
  explicit AnyFuture(std::shared_ptr<detail::FutureState> state) : state_(std::move(state)) {}
  std::shared_ptr<detail::FutureState> state_;
};

/// The result of a submitted function, of type `R` (or void).
template <class R>
class Future : public AnyFuture {
 public:
  using value_type = R;
  using State = detail::ValueState<R>;

  explicit Future(std::shared_ptr<State> state) : AnyFuture(std::move(state)) {}

  /// Waits for the value, which stays with the future. Throws `TaskError` when the function threw,
  /// `FutureCancelled`, `BrokenPool`, and `FutureTimeout` when it is not there after `timeout`.
  decltype(auto) result(std::optional<Duration> timeout = {}) const& {
    state_->wait_for_value(timeout);
    return own().value();
  }
  /// The same of a temporary: the value itself.
  R result(std::optional<Duration> timeout = {}) && {
    state_->wait_for_value(timeout);
    if constexpr (!std::is_void_v<R>) {
      if (state_.use_count() == 1) return std::move(own().mutable_value());
      return own().value();
    }
  }

  /// Calls `callback(future)` when this is done, at once when it is. Callbacks run in the order they were
  /// added; what they throw is written to the standard error stream and otherwise ignored.
  template <class Callback>
  void add_done_callback(Callback callback) const {
    auto kept = std::make_shared<Callback>(std::move(callback));
    state_->on_done([kept](detail::FutureState& state) {
      (*kept)(Future(std::static_pointer_cast<State>(state.shared_from_this())));
    });
  }

  /// The future of `f(value)`, called here, in this process, when the value is there; `f` may capture what it
  /// likes. Where `f` returns a future, its value. Exceptions, those of `f` too, and cancellation pass
  /// through.
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

/// Waits for futures, of one type or as `AnyFuture`s. Returns at the timeout with what is done by then, and
/// never throws because of it. Each future is in one of the lists, once, in the order given.
template <std::derived_from<AnyFuture> F>
WaitResult<F> wait(const std::vector<F>& futures, ReturnWhen when = ReturnWhen::all_completed,
                   std::optional<Duration> timeout = {}) {
  detail::wait_for_states(detail::states_of(futures), when == ReturnWhen::first_completed,
                          when == ReturnWhen::first_exception, timeout);
  WaitResult<F> result;
  for (const F& future : detail::without_repeats(futures)) {
    (future.state().done() ? result.done : result.not_done).push_back(future);
  }
  return result;
}

/// Gives futures as they get done. See `as_completed`.
template <std::derived_from<AnyFuture> F>
class AsCompleted {
 public:
  AsCompleted(const std::vector<F>& futures, std::optional<Duration> timeout)
      : deadline_(detail::deadline_after(timeout)), completions_(std::make_unique<detail::Completions>()) {
    for (const F& future : futures) completions_->add(future.state());
    for (const F& future : futures) futures_.emplace(&future.state(), future);
  }

  /// The next one that is done; empty after the last. Throws `FutureTimeout` when none is by the deadline.
  std::optional<F> next() {
    const detail::FutureState* state = completions_->next(deadline_);
    if (state == nullptr) return std::nullopt;
    return futures_.at(state);
  }

  detail::InputRange<AsCompleted, F> begin() { return detail::InputRange<AsCompleted, F>(*this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::optional<TimePoint> deadline_;
  std::unique_ptr<detail::Completions> completions_;
  std::unordered_map<const detail::FutureState*, F> futures_;
};

/// `for (auto future : as_completed(futures)) ..`: each future once, in the order in which they get done. The
/// timeout counts from this call; when it is over, `FutureTimeout` is thrown by the loop.
template <std::derived_from<AnyFuture> F>
AsCompleted<F> as_completed(const std::vector<F>& futures, std::optional<Duration> timeout = {}) {
  return AsCompleted<F>(futures, timeout);
}

// ---------------------------------------------------------------------------------------------------------------

namespace detail {

/// Completes `next` with what `step` returns or throws: a value, nothing, or another future.
template <class U, class Step>
void complete_by(const std::shared_ptr<ValueState<U>>& next, Step step) {
  using Returned = std::remove_cvref_t<decltype(step())>;
  try {
    if constexpr (is_future<Returned>) {
      const Returned inner = step();
      follow<U>(next, inner);
    } else if constexpr (std::is_void_v<U>) {
      step();
      next->set_value();
    } else {
      next->set_value(step());
    }
  } catch (...) {
    next->fail(std::current_exception());
  }
}

/// `next` gets what `inner` gets.
template <class U>
void follow(const std::shared_ptr<ValueState<U>>& next, const Future<U>& inner) {
  next->set_source(inner.state().shared_from_this());  // refuses circles
  inner.state().on_done([next](FutureState& state) {
    next->set_source(nullptr);
    if (!next->pass_on(state)) {
      complete_by<U>(next, [&]() -> decltype(auto) { return static_cast<ValueState<U>&>(state).value(); });
    }
  });
}

/// The future of what `react(state of base)` makes of `base` when it is done.
template <class U, class React>
Future<U> derive(const std::shared_ptr<FutureState>& base, React react) {
  auto next = std::make_shared<ValueState<U>>();
  next->set_source(base);
  auto kept = std::make_shared<React>(std::move(react));
  base->on_done([next, kept](FutureState& state) {
    next->set_source(nullptr);
    if (!next->done()) (*kept)(next, state);
  });
  return Future<U>(next);
}

template <class R, class F>
auto call_with_value(F& f, FutureState& state) {
  if constexpr (std::is_void_v<R>) {
    return f();
  } else {
    return f(static_cast<ValueState<R>&>(state).value());
  }
}

}  // namespace detail

template <class R>
template <class F>
auto Future<R>::then(F f) const {
  using U = detail::Unwrapped<typename detail::ThenResult<F, R>::Returned>;
  return detail::derive<U>(state_, [f = std::move(f)](const auto& next, detail::FutureState& state) mutable {
    if (!next->pass_on(state))
      detail::complete_by<U>(next, [&] { return detail::call_with_value<R>(f, state); });
  });
}

template <class R>
template <class F, class Recover>
auto Future<R>::then(F f, Recover recover) const {
  using U = detail::Unwrapped<typename detail::ThenResult<F, R>::Returned>;
  return detail::derive<U>(state_, [f = std::move(f), recover = std::move(recover)](
                                       const auto& next, detail::FutureState& state) mutable {
    if (state.status() == FutureStatus::failed) {
      detail::complete_by<U>(next, [&] { return recover(state.error()); });
    } else if (!next->pass_on(state)) {
      detail::complete_by<U>(next, [&] { return detail::call_with_value<R>(f, state); });
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
