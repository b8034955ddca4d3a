// SPDX-License-Identifier: BSD-3-Clause
// The states of futures, and waiting for one or several of them, which drives those that bring them about.
#include <mpipe/futures/future.hpp>

#include "comm/api/waiter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace mpipe {

namespace {

std::string describe(const Failure& failure) {
  return fmt::format(
      "A submitted function threw {} on rank {} ({}): {} (the future has no value; other tasks go on). Catch "
      "it "
      "in the function, or here as mpipe::TaskError.",
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

namespace detail {

namespace {

/// The pauses of one wait.
class Patience {
 public:
  Patience(const WaitOptions& options, std::optional<TimePoint> deadline)
      : waiter_(options), deadline_(deadline) {}

  /// Drives `driver` one step, or pauses. False when the deadline is over.
  bool step(FutureDriver& driver) {
    if (driver.turn()) {
      waiter_.reset();
      return !deadline_ || now() < *deadline_;
    }
    Duration pause = driver.transferring() ? waiter_.next_short_pause() : waiter_.next_pause();
    if (deadline_) {
      const Duration left = *deadline_ - now();
      if (left <= Duration::zero()) return false;
      pause = std::min(pause, left);
    }
    if (pause > Duration::zero()) sleep_for(pause);
    if (waiter_.expired()) {
      // Whether silence is an error is for the driver to say. For this wait the silence starts anew.
      driver.on_silence(waiter_.waited());
      waiter_.reset();
    }
    return true;
  }

  bool looked() const { return waiter_.looked(); }

 private:
  static TimePoint now() { return std::chrono::steady_clock::now(); }

  Waiter waiter_;
  std::optional<TimePoint> deadline_;
};

/// A callback runs in whatever call happens to drive its future. Its exception would come out of a wait for
/// something else, so it is printed instead.
void run_callback(const std::function<void(FutureState&)>& callback, FutureState& state) {
  try {
    callback(state);
  } catch (...) {
    const Failure failure = failure_from_current_exception();
    const std::string line =
        fmt::format("mpipe: a callback of a future threw {}: {}\n", failure.type, failure.message);
    std::fputs(line.c_str(), stderr);
  }
}

[[noreturn]] void throw_timeout() {
  throw FutureTimeout(
      "The future is not done at the end of the timeout (its task goes on). Ask again, or wait longer.");
}

}  // namespace

std::optional<TimePoint> deadline_after(std::optional<Duration> timeout) {
  if (!timeout) return std::nullopt;
  const TimePoint now = std::chrono::steady_clock::now();
  const Duration left = TimePoint::max() - now;
  return now + std::min(*timeout, left);
}

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

void FutureState::set_source(std::shared_ptr<FutureState> source) {
  for (const FutureState* at = source.get(); at != nullptr; at = at->source_.get()) {
    if (at == this) {
      throw Error(
          Category::cycle,
          "A future was made to wait for itself (it would never be done). Return another future from the "
          "function given to `then`.");
    }
  }
  source_ = std::move(source);
}

bool FutureState::cancel() {
  if (status_ == FutureStatus::pending) {
    // The driver comes first: it may refuse by throwing, before anything has changed, and `complete`
    // forgets it.
    if (driver_ != nullptr) driver_->on_cancelled();
    complete(FutureStatus::cancelled);
  }
  return status_ == FutureStatus::cancelled;
}

FutureDriver* FutureState::driver() const {
  const FutureState* state = this;
  while (state->source_) state = state->source_.get();
  return state->driver_;
}

void FutureState::poll() {
  if (done()) return;
  if (FutureDriver* const by = driver()) by->turn();
}

bool FutureState::wait_until(std::optional<TimePoint> deadline) {
  if (done()) return true;
  // While this waits, a callback may drop the last other owner of the state.
  const auto alive = shared_from_this();
  FutureDriver* by = driver();
  if (by == nullptr) throw Bug("nobody brings this future about");
  Patience patience(by->wait_options(), deadline);
  while (!done()) {
    if (by == nullptr) throw Bug("nobody brings this future about any more");
    if (!patience.step(*by)) return done();
    // Another future may have taken the place of the one that this was waiting for.
    if (source_) by = driver();
  }
  return true;
}

void FutureState::wait_for_value(std::optional<Duration> timeout) {
  if (!done() && !wait_until(deadline_after(timeout))) throw_timeout();
  if (status_ == FutureStatus::failed) std::rethrow_exception(error_);
  if (status_ == FutureStatus::cancelled) throw FutureCancelled();
}

void FutureState::on_done(std::function<void(FutureState&)> callback) {
  if (done()) {
    run_callback(callback, *this);
  } else {
    callbacks_.push_back(std::move(callback));
  }
}

void FutureState::unwatch(FutureWatcher& watcher) {
  const auto at = std::find(watchers_.begin(), watchers_.end(), &watcher);
  if (at != watchers_.end()) watchers_.erase(at);
}

void FutureState::complete(FutureStatus status) {
  // The state is final before anybody hears of it, so a callback that asks finds it done.
  status_ = status;
  driver_ = nullptr;
  if (watchers_.empty() && callbacks_.empty()) return;
  const auto alive = shared_from_this();
  // The lists are taken out first, as those who are told may change them. Watchers only take note;
  // callbacks, which may do anything, come after them.
  for (FutureWatcher* const watcher : std::exchange(watchers_, {})) watcher->on_done(*this);
  for (const auto& callback : std::exchange(callbacks_, {})) run_callback(callback, *this);
}

// ---- several at once ------------------------------------------------------------------------------------

namespace {

/// Watches different futures, and counts those that are done.
class CountingWatcher final : public FutureWatcher {
 public:
  explicit CountingWatcher(const std::vector<FutureState*>& states) {
    std::unordered_set<FutureState*> seen;
    for (FutureState* const state : states) {
      if (!seen.insert(state).second) continue;
      if (state->done()) {
        on_done(*state);
      } else {
        waiting_.insert(state);
        state->watch(*this);
      }
    }
  }
  ~CountingWatcher() {
    // The states may outlive this watcher, and must not call it any more.
    for (FutureState* const state : waiting_) state->unwatch(*this);
  }
  CountingWatcher(const CountingWatcher&) = delete;
  CountingWatcher& operator=(const CountingWatcher&) = delete;

  void on_done(FutureState& state) override {
    waiting_.erase(&state);
    ++done_;
    if (state.status() == FutureStatus::failed) ++failed_;
  }

  bool enough(bool first, bool first_exception) const {
    return waiting_.empty() || (first && done_ > 0) || (first_exception && failed_ > 0);
  }
  const std::unordered_set<FutureState*>& waiting() const { return waiting_; }

 private:
  std::unordered_set<FutureState*> waiting_;
  std::size_t done_ = 0;
  std::size_t failed_ = 0;
};

/// Drives whoever brings about the futures in a set, in turns.
template <class Set>
class Drivers {
 public:
  Drivers(const Set& waiting, std::optional<TimePoint> deadline)
      : waiting_(waiting), patience_({}, deadline) {
    refresh();
    if (!drivers_.empty()) patience_ = Patience(drivers_.front()->wait_options(), deadline);
  }

  /// One step of one driver, false at the deadline. Only the last of a round may pause.
  bool step() {
    if (next_ >= drivers_.size()) refresh();
    if (drivers_.empty()) throw Bug("nobody brings these futures about");
    while (next_ + 1 < drivers_.size()) {
      if (drivers_[next_++]->turn()) return true;
    }
    const bool in_time = patience_.step(*drivers_[next_]);
    // Who is to be driven changes rarely: a look now and then is enough.
    next_ = patience_.looked() ? drivers_.size() : 0;
    return in_time;
  }

 private:
  void refresh() {
    drivers_.clear();
    next_ = 0;
    for (const FutureState* const state : waiting_) {
      FutureDriver* const by = state->driver();
      if (by != nullptr && std::find(drivers_.begin(), drivers_.end(), by) == drivers_.end())
        drivers_.push_back(by);
    }
  }

  const Set& waiting_;
  Patience patience_;
  std::vector<FutureDriver*> drivers_;
  std::size_t next_ = 0;
};

}  // namespace

bool wait_for_states(const std::vector<FutureState*>& states, bool first, bool first_exception,
                     std::optional<Duration> timeout) {
  CountingWatcher watcher(states);
  if (watcher.enough(first, first_exception)) return true;
  Drivers drivers(watcher.waiting(), deadline_after(timeout));
  while (!watcher.enough(first, first_exception)) {
    if (!drivers.step()) return watcher.enough(first, first_exception);
  }
  return true;
}

Completions::~Completions() {
  for (FutureState* const state : waiting_) state->unwatch(*this);
}

void Completions::add(FutureState& state) {
  if (!kept_.emplace(&state, state.shared_from_this()).second) return;
  if (state.done()) {
    done_.push_back(&state);
  } else {
    waiting_.insert(&state);
    state.watch(*this);
  }
}

void Completions::on_done(FutureState& state) {
  waiting_.erase(&state);
  done_.push_back(&state);
}

FutureState* Completions::next(std::optional<TimePoint> deadline) {
  if (empty()) return nullptr;
  if (done_.empty()) {
    Drivers drivers(waiting_, deadline);
    while (done_.empty()) {
      if (!drivers.step() && done_.empty()) throw_timeout();
    }
  }
  given_ = kept_.at(done_.front());
  done_.pop_front();
  return given_.get();
}

}  // namespace detail

std::exception_ptr AnyFuture::exception(std::optional<Duration> timeout) const {
  if (!state_->done() && !state_->wait_until(detail::deadline_after(timeout))) detail::throw_timeout();
  if (state_->status() == FutureStatus::cancelled) throw FutureCancelled();
  return state_->error();
}

}  // namespace mpipe
