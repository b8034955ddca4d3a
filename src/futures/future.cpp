// SPDX-License-Identifier: BSD-3-Clause
// The states of futures: how they get done, who is told, how they are cancelled, and waiting for several.
#include <mpipe/futures/future.hpp>

#include "futures/future_thread.hpp"
#include "futures/task_hub.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {

namespace {

std::string describe(const Failure& failure) {
  return fmt::format(
      "A submitted function threw {} on rank {} ({}): {} (the future has no value; other tasks go on). Catch "
      "it in the function, or here as mpipe::TaskError.",
      failure.type.empty() ? "an exception" : failure.type, failure.rank, failure.host, failure.message);
}

}  // namespace

TaskError::TaskError(Failure failure)
    : Error(failure.category, describe(failure), failure.subject), failure_(std::move(failure)) {}

FutureCancelled::FutureCancelled()
    : Error(
          Category::cancelled,
          "The future was cancelled before its task began, so it has no value. Ask `cancelled()` first where "
          "that may happen.") {}

std::optional<TimePoint> Timeout::deadline() const {
  if (!limit_) return std::nullopt;
  const TimePoint now = std::chrono::steady_clock::now();
  return now + std::min(*limit_, TimePoint::max() - now);
}

namespace detail {

namespace {

[[noreturn]] void throw_timeout() {
  throw FutureTimeout(
      "The future is not done at the end of the timeout (its task goes on). Ask again, or wait longer.");
}

}  // namespace

void throw_no_future() {
  throw Error(Category::bad_option,
              "A future was used that is none (it was made without a task, or moved to another). Ask "
              "`valid()` first where that may happen.");
}

std::uint64_t next_round() {
  thread_local std::uint64_t round = 0;
  return ++round;
}

FutureState::FutureState(TaskChannel* channel) : channel_(channel), home_(&FutureThread::current()) {}

void FutureState::fail(std::exception_ptr error) {
  if (done()) return;
  // The error is there before anybody is told that the future has failed.
  error_ = std::move(error);
  complete(FutureStatus::failed);
}

void FutureState::accept(std::span<const std::byte>) { throw Bug("bytes for a future that is of no task"); }

bool FutureState::pass_on(const FutureState& other) {
  if (other.status() == FutureStatus::failed) {
    fail(other.error());
  } else if (other.status() == FutureStatus::cancelled) {
    if (!done()) complete(FutureStatus::cancelled);
  } else {
    return false;
  }
  return true;
}

void FutureState::set_source(FutureState& source) {
  // A future that nothing waits for cannot be in a circle, which spares long chains this walk while they are
  // built. One that goes through `collect` is not seen here: it is noticed by who waits for it.
  for (const FutureState* at = &source; at != nullptr && (at == &source || needed_by_ > 0);
       at = at->source_) {
    if (at == this) {
      throw Error(
          Category::cycle,
          "A future was made to wait for itself (it would never be done). Return another future from the "
          "function given to `then`.");
    }
  }
  source_ = &source;
}

// ---- cancelling -------------------------------------------------------------------------------------------

bool FutureState::cancel() {
  if (status_ == FutureStatus::pending) cancel_all({this});
  return status_ == FutureStatus::cancelled;
}

void FutureState::cancel_all(std::vector<FutureState*> states) {
  // Nothing that a callback does may touch futures in this list, so callbacks come when it is empty.
  const FutureThread::Hold hold;
  while (!states.empty()) {
    FutureState& state = *states.back();
    states.pop_back();
    if (state.status_ == FutureStatus::pending) state.cancel_one(states);
  }
}

void FutureState::cancel_one(std::vector<FutureState*>& unneeded) {
  home_->check();
  if (channel_ != nullptr) channel_->on_cancelled();
  leave_sources(unneeded);
  complete(FutureStatus::cancelled);
}

void FutureState::leave(FutureState& source, std::vector<FutureState*>& unneeded) {
  if (--source.needed_by_ == 0 && source.watchers_.empty()) unneeded.push_back(&source);
}

void FutureState::leave_sources(std::vector<FutureState*>& unneeded) {
  if (FutureState* const source = std::exchange(source_, nullptr)) leave(*source, unneeded);
}

// ---- waiting ----------------------------------------------------------------------------------------------

void FutureState::poll() {
  if (done()) return;
  home_->check();
  home_->drive_once();
}

bool FutureState::wait_until(std::optional<TimePoint> deadline) {
  if (done()) return true;
  home_->check();
  // While this waits, a callback may drop the last other owner of the state.
  const auto alive = shared_from_this();
  return home_->drive_until([this] { return done(); }, deadline);
}

void FutureState::wait_for_value(std::optional<TimePoint> deadline) {
  if (!wait_until(deadline)) throw_timeout();
  if (status_ == FutureStatus::failed) std::rethrow_exception(error_);
  if (status_ == FutureStatus::cancelled) throw FutureCancelled();
}

// ---- who is told ------------------------------------------------------------------------------------------

void FutureState::add_reaction(std::shared_ptr<Reaction> reaction) {
  home_->check();
  if (done()) {
    const FutureThread::Hold hold;
    home_->react_later(shared_from_this(), std::move(reaction));
    return;
  }
  reactions_.push_back(std::move(reaction));
  ++needed_by_;
}

void FutureState::watch(FutureWatcher& watcher, std::size_t place) {
  home_->check();
  watchers_.emplace_back(&watcher, place);
}

void FutureState::unwatch(FutureWatcher& watcher) {
  std::erase_if(watchers_, [&](const auto& entry) { return entry.first == &watcher; });
}

void FutureState::complete(FutureStatus status) {
  // The state is final before anybody hears of it, so a callback that asks finds it done.
  status_ = status;
  channel_ = nullptr;
  source_ = nullptr;
  for (const auto& [watcher, place] : std::exchange(watchers_, {})) watcher->on_done(*this, place);
  if (reactions_.empty()) return;
  const FutureThread::Hold hold;
  for (auto& reaction : std::exchange(reactions_, {}))
    home_->react_later(shared_from_this(), std::move(reaction));
}

// ---- several at once ------------------------------------------------------------------------------------

namespace {

/// Counts those of different futures that are done.
class CountingWatcher final : public FutureWatcher {
 public:
  explicit CountingWatcher(const std::vector<std::shared_ptr<FutureState>>& states)
      : states_(states), left_(states.size()) {
    for (const auto& state : states_) {
      if (state->done()) {
        on_done(*state, 0);
      } else {
        state->watch(*this, 0);
      }
    }
  }
  ~CountingWatcher() {
    // The states may outlive this watcher, and must not call it any more.
    for (const auto& state : states_) state->unwatch(*this);
  }
  CountingWatcher(const CountingWatcher&) = delete;
  CountingWatcher& operator=(const CountingWatcher&) = delete;

  void on_done(FutureState& state, std::size_t) override {
    --left_;
    if (state.status() == FutureStatus::failed) ++failed_;
  }
  bool enough(bool first, bool first_exception) const {
    return left_ == 0 || (first && left_ < states_.size()) || (first_exception && failed_ > 0);
  }

 private:
  const std::vector<std::shared_ptr<FutureState>>& states_;
  std::size_t left_;
  std::size_t failed_ = 0;
};

}  // namespace

void wait_for_states(const std::vector<std::shared_ptr<FutureState>>& states, bool first,
                     bool first_exception, std::optional<TimePoint> deadline) {
  const CountingWatcher watcher(states);
  FutureThread::current().drive_until([&] { return watcher.enough(first, first_exception); }, deadline);
}

Completions::~Completions() {
  for (const auto& state : places_)
    if (state && !state->done()) state->unwatch(*this);
}

void Completions::add(std::shared_ptr<FutureState> state) {
  std::size_t place = places_.size();
  if (free_.empty()) {
    places_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  if (state->done()) {
    done_.push_back(place);
  } else {
    state->watch(*this, place);
  }
  places_[place] = std::move(state);
}

void Completions::on_done(FutureState&, std::size_t place) { done_.push_back(place); }

std::shared_ptr<FutureState> Completions::next(std::optional<TimePoint> deadline) {
  if (size() == 0) return nullptr;
  if (done_.empty() && !FutureThread::current().drive_until([this] { return !done_.empty(); }, deadline))
    throw_timeout();
  const std::size_t place = done_.front();
  done_.pop_front();
  free_.push_back(place);
  return std::move(places_[place]);
}

std::vector<std::shared_ptr<FutureState>> Completions::take_all() {
  for (const auto& state : places_)
    if (state) state->unwatch(*this);
  std::erase(places_, nullptr);
  free_.clear();
  done_.clear();
  return std::exchange(places_, {});
}

}  // namespace detail

std::exception_ptr AnyFuture::exception(Timeout timeout) const {
  if (!state().wait_until(timeout.deadline())) detail::throw_timeout();
  if (state_->status() == FutureStatus::cancelled) throw FutureCancelled();
  return state_->error();
}

}  // namespace mpipe
