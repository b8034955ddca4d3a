// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Connections beside MPI by which rank 0 notices that a process has died, and the others that rank 0 has: MPI itself
/// tells nobody.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/clock.hpp>

#include "comm/life_sockets.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mpipe {

/// A sign of life is sent so often.
inline constexpr Duration kBeat = std::chrono::seconds(1);
/// A rank that has heard nothing of rank 0 for this long leaves. It is shorter than the next one, so that a rank that is
/// cut off has left before its work is given to others.
inline constexpr Duration kLease = std::chrono::seconds(20);
/// A rank of which rank 0 has heard nothing for this long is lost. (One whose process ends is known to be lost at once,
/// as the system closes its connection.)
inline constexpr Duration kSilence = std::chrono::seconds(30);

/// A thread that watches the connections of this process: on rank 0 one to each other rank, else the one to rank 0. It
/// does not use MPI. Where rank 0 is gone, it ends this process with the exit code 5 and one sentence, whatever the
/// other threads do.
class Lifeline {
 public:
  struct Loss {
    int rank = 0;
    std::string why;
  };

  /// Collective over a group of MPI. Connects all ranks with rank 0; throws alike on all ranks where that fails.
  /// `hosts`: by rank.
  Lifeline(const Communicator& group, const std::vector<std::string>& hosts);
  /// Without `part` before, the others take this process for lost.
  ~Lifeline();
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  /// Any thread. Rank 0: how many are lost, which only grows.
  std::size_t lost_count() const { return lost_count_.load(std::memory_order_acquire); }
  /// Any thread. Rank 0: who is lost, in the order in which it was noticed.
  std::vector<Loss> lost() const;
  bool is_lost(int rank) const;

  /// Rank 0. What the ranks do together since their meeting number `epoch` is over: all of them learn of it.
  void give_up(std::uint32_t epoch);
  /// The greatest number that `give_up` was called with on rank 0, as far as this rank has heard.
  std::uint32_t given_up() const { return given_up_.load(std::memory_order_acquire); }

  /// This process leaves in order: nobody takes it for lost, and it does not look any more.
  void part();

 private:
  struct Peer {
    Socket socket;
    TimePoint heard;
    std::vector<std::byte> received;  ///< of a word that is not whole yet
    bool lost = false;
  };

  void watch();
  void read_from(std::size_t at, TimePoint now);
  void take_word(std::size_t at, std::uint32_t word);
  void tell_all(std::uint32_t word);
  void lose(std::size_t at, const std::string& why);
  [[noreturn]] void leave(const std::string& why) const;
  void stop();

  int rank_;
  std::string host_;
  mutable std::mutex mutex_;  ///< of the peers and of `losses_`
  std::vector<Peer> peers_;   ///< rank 0: by rank, with none for itself; else rank 0 alone
  std::vector<Loss> losses_;
  std::atomic<std::size_t> lost_count_{0};
  std::atomic<std::uint32_t> given_up_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace mpipe
