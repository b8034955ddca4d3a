// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Groups that outlive some of their ranks (see api/survival.hpp): MPI messages between two ranks, and no collective call
/// of MPI, which would wait for a dead rank for ever.
#pragma once

#include "comm/api/waiter.hpp"
#include "comm/comm_state.hpp"
#include "comm/lifeline.hpp"
#include "comm/mpi_state.hpp"

#include <memory>
#include <vector>

namespace mpipe {

/// What all such groups of a process share. One thread, that of MPI.
struct Survivors {
  std::shared_ptr<const MpiState>
      mpi;                         ///< whose messages nobody else uses; its ranks are those of the lifeline
  std::vector<std::string> hosts;  ///< by rank of `mpi`
  std::vector<std::size_t> nodes;  ///< by rank of `mpi`: ranks of one number share memory
  std::unique_ptr<Lifeline> life;
  std::uint32_t epoch = 0;  ///< number of the last meeting; 0: there was none
  int next_context = 1;     ///< of groups that this rank is in: messages of each have tags of their own
};

/// A message under way, and the memory that MPI uses for it.
class Transfer;
using Transfers = std::vector<std::unique_ptr<Transfer>>;

class SurvivingState final : public CommState, public std::enable_shared_from_this<SurvivingState> {
 public:
  /// `ranks`: of `survivors->mpi`, by rank of this group. `epoch`: of the meeting that this group is of; 0: it is a
  /// lasting one.
  SurvivingState(std::shared_ptr<Survivors> survivors, Facts facts, std::vector<int> ranks, int context,
                 std::uint32_t epoch);

  Survivors& survivors() const { return *survivors_; }
  const std::vector<int>& ranks() const { return ranks_; }
  bool lasting() const { return epoch_ == 0; }
  bool given_up() const { return !lasting() && survivors_->life->given_up() >= epoch_; }
  void give_up() const { survivors_->life->give_up(epoch_); }
  /// Throws where this meeting was given up.
  void check_given_up() const;
  /// See `meet`.
  std::shared_ptr<const SurvivingState> meet() const;

  std::vector<Node> nodes() const override;
  bool threads_allowed() const override { return survivors_->mpi->threads_allowed(); }
  void barrier() const override;
  void broadcast(std::span<std::byte> bytes, int root) const override;
  std::vector<Bytes> gather(std::span<const std::byte> bytes, int root) const override;
  void reduce(std::span<std::int64_t> values, ReduceOp op) const override;
  void reduce(std::span<double> values, ReduceOp op) const override;
  void exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const override;
  std::unique_ptr<ConsentState> ask(Bytes objection) const override;
  std::shared_ptr<const CommState> split(std::optional<int> color, int key) const override;
  std::shared_ptr<const CommState> subgroup(std::span<const int> ranks) const override;
  std::shared_ptr<const CommState> duplicate() const override;
  std::unique_ptr<RootTransport> root_transport(RunId run) const override;
  std::unique_ptr<WorkerTransport> worker_transport(RunId run) const override;
  std::shared_ptr<const CommState> surviving() const override { return shared_from_this(); }

 private:
  int tag(int kind) const;
  int peer(int rank) const { return ranks_[static_cast<std::size_t>(rank)]; }
  bool is_lost(int rank) const { return survivors_->life->is_lost(peer(rank)); }
  /// Throws where this meeting is over; rank 0 ends it where one of its ranks is lost.
  void check() const;
  void send(Transfers& transfers, int rank, std::span<const std::byte> bytes) const;
  void receive(Transfers& transfers, int rank, std::size_t size) const;
  void wait(Transfers& transfers) const;
  /// What rank 0 receives of the others, by rank, with its own bytes; empty for those who sent none.
  std::vector<Bytes> wait_for_all(Transfers& transfers, std::span<const std::byte> own) const;
  [[noreturn]] void throw_expired(const Waiter& waiter) const;
  Bytes receive_from(int rank, std::size_t size) const;
  void send_to(int rank, std::span<const std::byte> bytes) const;
  std::vector<Bytes> collect(std::span<const std::byte> bytes) const;
  template <class T>
  void reduce_all(std::span<T> values, ReduceOp op) const;
  int new_context() const;
  std::shared_ptr<const SurvivingState> part(std::span<const int> ranks) const;

  std::shared_ptr<Survivors> survivors_;
  std::vector<int> ranks_;
  int context_;
  std::uint32_t epoch_;
};

}  // namespace mpipe
