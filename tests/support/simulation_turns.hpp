// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The token that simulated ranks pass on, and their time.
#pragma once

#include <mpipe/core/clock.hpp>

#include "comm/api/waiter.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace mpipe::test {

/// Lets one of several threads run at a time. All but `run` is called by the threads, of which the one that
/// runs may touch what they share without a lock. Everything that is random comes from the seed.
class Turns final : public Clock, public Sleeper {
 public:
  Turns(int ranks, std::uint64_t seed);

  /// Runs `program(rank)` on a thread per rank; see `simulate_ranks`.
  void run(const std::function<void(int)>& program);

  /// Something happened on this rank, which is written to the log; another rank may go on.
  void step(const std::string& event);
  /// Nothing happened: this rank looks again a little later. Throws `Bug` where the simulation is over.
  void idle(const std::string& waits_for);
  /// Returns once `holds()` is true, which other ranks bring about. Throws `Bug` where nobody can any more.
  void wait_until(const std::function<bool()>& holds, const std::string& waits_for);
  /// A number from 0 to `below` - 1.
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  TimePoint now() const override;
  void sleep(Duration duration) override;

  const std::vector<std::string>& log() const { return log_; }

 private:
  struct Rank {
    std::condition_variable turn;
    TimePoint wakes{};                             ///< it does not run before
    const std::function<bool()>* holds = nullptr;  ///< it does not run before this does
    std::string waits_for = "its first turn";
    bool ended = false;
    std::exception_ptr error;
  };
  using Lock = std::unique_lock<std::mutex>;

  void live(int rank, const std::function<void(int)>& program);
  /// Hands the token to a rank that can go on, and returns when this rank has it again.
  void pass_on(Lock& lock, bool ends);
  std::optional<std::size_t> choose();
  void give_up(const std::string& problem);
  void check_not_over() const;

  std::mutex mutex_;
  std::mt19937_64 random_;
  std::vector<Rank> ranks_;
  std::optional<std::size_t> running_;  ///< who has the token
  mutable TimePoint now_{};
  TimePoint last_event_{};
  std::string over_;  ///< why the simulation cannot go on; empty while it can
  std::vector<std::string> log_;
};

}  // namespace mpipe::test
