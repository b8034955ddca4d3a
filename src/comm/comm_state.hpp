// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a `Communicator` is a handle of: a group of ranks, and their way to talk to each other.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/comm/communicator.hpp>

#include "comm/api/transport.hpp"
#include "isolation/api/zygote.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace mpipe {

/// A question of `Consent` that is under way. Its destructor may come before the answer.
class ConsentState {
 public:
  virtual ~ConsentState() = default;
  virtual bool poll() = 0;
  virtual const Bytes& objection() const = 0;
};

/// A group of ranks, seen from one of them. Implementations: one rank without MPI, MPI (mpi_state.hpp), and
/// threads of one process (tests/support/simulated_ranks.hpp). What the calls mean is said in `Communicator`,
/// which checks the arguments; all but the simple questions are collective.
class CommState {
 public:
  /// What is known of every group.
  struct Facts {
    int rank = 0;
    int size = 1;
    std::vector<int> job_ranks = {};  ///< by rank; empty: the same (see `Communicator::job_rank`)
    WaitOptions wait_options = {};
    /// Shared by all groups that came from one: communication failed, or a wait was given up, so that
    /// requests are still under way. From then on nothing is freed or finalised any more.
    std::shared_ptr<bool> broken = std::make_shared<bool>(false);
    std::shared_ptr<Zygote> zygote = nullptr;  ///< of this process, shared likewise; may be null
  };

  virtual ~CommState() = default;
  CommState(const CommState&) = delete;
  CommState& operator=(const CommState&) = delete;

  const Facts& facts() const { return facts_; }
  int job_rank(int rank) const {
    return facts_.job_ranks.empty() ? rank : facts_.job_ranks.at(static_cast<std::size_t>(rank));
  }
  virtual bool uses_mpi() const { return false; }
  virtual bool threads_allowed() const { return true; }

  virtual std::vector<Node> nodes() const = 0;
  virtual void barrier() const = 0;
  virtual void broadcast(std::span<std::byte> bytes, int root) const = 0;
  virtual std::vector<Bytes> gather(std::span<const std::byte> bytes, int root) const = 0;
  virtual void reduce(std::span<std::int64_t> values, ReduceOp op) const = 0;
  virtual void reduce(std::span<double> values, ReduceOp op) const = 0;
  virtual void exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const = 0;
  virtual std::unique_ptr<ConsentState> ask(Bytes objection) const = 0;

  /// Null where there is no color.
  virtual std::shared_ptr<const CommState> split(std::optional<int> color, int key) const = 0;
  /// Collective over `ranks` alone.
  virtual std::shared_ptr<const CommState> subgroup(std::span<const int> ranks) const = 0;
  virtual std::shared_ptr<const CommState> duplicate() const = 0;
  /// See `mpipe::surviving`.
  virtual std::shared_ptr<const CommState> surviving() const;

  virtual std::unique_ptr<RootTransport> root_transport(RunId run) const = 0;
  virtual std::unique_ptr<WorkerTransport> worker_transport(RunId run) const = 0;
  /// Ends the other ranks, as far as that is possible; the caller ends this one.
  virtual void end_others(int /*exit_code*/) const {}

 protected:
  explicit CommState(Facts facts) : facts_(std::move(facts)) {}
  /// The facts of a group that consists of these ranks of this one, of which this rank is number `rank`.
  Facts facts_of_part(std::span<const int> ranks, int rank) const;

  Facts facts_;
};

/// One rank without any MPI.
std::shared_ptr<const CommState> make_serial_state(std::shared_ptr<Zygote> zygote);

}  // namespace mpipe
