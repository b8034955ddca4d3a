// SPDX-License-Identifier: BSD-3-Clause
// The token that simulated ranks pass on: who runs next, when time leaps, and when nobody can go on.
#include "support/simulation_turns.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::test {
namespace {

using namespace std::chrono_literals;

/// Ranks that look for messages and find none for longer than this will never find one.
constexpr Duration kLongestSilence = 60s;
/// A look that found nothing takes up to this long.
constexpr std::uint64_t kMostIdleMicroseconds = 40;

thread_local std::size_t rank_of_thread = 0;

}  // namespace

Turns::Turns(int ranks, std::uint64_t seed) : random_(seed), ranks_(static_cast<std::size_t>(ranks)) {}

void Turns::run(const std::function<void(int)>& program) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank)
    threads.emplace_back([this, rank, &program] { live(rank, program); });
  {
    const Lock lock(mutex_);
    running_ = choose();
    ranks_[*running_].turn.notify_one();
  }
  for (std::thread& thread : threads) thread.join();
  for (const Rank& rank : ranks_)
    if (rank.error) std::rethrow_exception(rank.error);
}

void Turns::live(int rank, const std::function<void(int)>& program) {
  rank_of_thread = static_cast<std::size_t>(rank);
  Rank& self = ranks_[rank_of_thread];
  const ThreadClock clock(*this);
  const ThreadSleeper sleeper(*this);
  Lock lock(mutex_);
  self.turn.wait(lock, [&] { return running_ == rank_of_thread; });
  lock.unlock();
  try {
    program(rank);
    self.waits_for = "nothing: it has ended";
  } catch (const std::exception& error) {
    self.error = std::current_exception();
    self.waits_for = fmt::format("nothing: it has thrown '{}'", error.what());
  }
  lock.lock();
  self.ended = true;
  pass_on(lock, true);
}

std::optional<std::size_t> Turns::choose() {
  for (;;) {
    std::vector<std::size_t> ready;
    std::optional<TimePoint> next;
    bool any = false;
    for (std::size_t k = 0; k < ranks_.size(); ++k) {
      const Rank& rank = ranks_[k];
      if (rank.ended) continue;
      any = true;
      if (rank.holds != nullptr && over_.empty() && !(*rank.holds)()) continue;
      if (rank.wakes <= now_) {
        ready.push_back(k);
      } else {
        next = std::min(next.value_or(rank.wakes), rank.wakes);
      }
    }
    if (!any) return std::nullopt;
    if (!ready.empty()) return ready[pick(ready.size())];
    if (next) {
      now_ = *next;
      if (now_ - last_event_ > kLongestSilence) give_up("the ranks look for messages that nobody sends");
    } else {
      give_up("the ranks wait for each other");
    }
  }
}

void Turns::give_up(const std::string& problem) {
  if (!over_.empty()) return;
  over_ = problem;
  for (std::size_t k = 0; k < ranks_.size(); ++k)
    over_ += fmt::format("; rank {} waits for {}", k, ranks_[k].waits_for);
}

void Turns::check_not_over() const {
  if (!over_.empty()) throw Bug(over_);
}

void Turns::pass_on(Lock& lock, bool ends) {
  const std::size_t self = rank_of_thread;
  running_ = choose();
  if (!running_ || running_ == self) return;
  ranks_[*running_].turn.notify_one();
  if (!ends) ranks_[self].turn.wait(lock, [&] { return running_ == self; });
}

void Turns::step(const std::string& event) {
  Lock lock(mutex_);
  last_event_ = now_;
  log_.push_back(
      fmt::format("{:>9.3f} ms, rank {}: {}", 1e3 * seconds(now_.time_since_epoch()), rank_of_thread, event));
  pass_on(lock, false);
}

void Turns::idle(const std::string& waits_for) {
  Lock lock(mutex_);
  check_not_over();
  Rank& self = ranks_[rank_of_thread];
  self.waits_for = waits_for;
  self.wakes = now_ + std::chrono::microseconds(1 + pick(kMostIdleMicroseconds));
  pass_on(lock, false);
  check_not_over();
}

void Turns::wait_until(const std::function<bool()>& holds, const std::string& waits_for) {
  Lock lock(mutex_);
  check_not_over();
  Rank& self = ranks_[rank_of_thread];
  self.waits_for = waits_for;
  self.holds = &holds;
  pass_on(lock, false);
  self.holds = nullptr;
  check_not_over();
  last_event_ = now_;
}

TimePoint Turns::now() const {
  // It is the thread with the token that asks. Each look takes a little, so that loops until a time end.
  return now_ += std::chrono::microseconds(1);
}

void Turns::sleep(Duration duration) {
  Lock lock(mutex_);
  ranks_[rank_of_thread].wakes = now_ + duration;
  pass_on(lock, false);
}

}  // namespace mpipe::test
