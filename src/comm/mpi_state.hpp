// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A group of ranks that is an MPI communicator.
#pragma once

#include <mpipe/comm/native_comm.hpp>

#include "comm/api/waiter.hpp"
#include "comm/comm_state.hpp"

#include <boost/mpi/communicator.hpp>

namespace mpipe {

/// Messages between two ranks on the communicator of a group.
enum class CommTag : int { gather = 1, exchange = 2, subgroup = 3 };

class MpiState final : public CommState, public std::enable_shared_from_this<MpiState> {
 public:
  /// Takes over `raw`, and makes it return errors. Rank and size of the facts are those of `raw`.
  MpiState(MPI_Comm raw, Facts facts);
  ~MpiState() override;

  MPI_Comm raw() const { return comm_; }
  bool broken() const { return *facts().broken; }
  void set_broken() const { *facts().broken = true; }
  /// Throws after an error of MPI; from then on nothing is freed or finalised any more.
  void check(int code, const char* operation) const;
  /// Until `request` is complete.
  void wait(MPI_Request& request, const char* operation) const;
  void wait_all(std::vector<MPI_Request>& requests, const char* operation) const;

  bool uses_mpi() const override { return true; }
  bool threads_allowed() const override;
  std::vector<Node> nodes() const override;
  void barrier() const override;
  void broadcast(std::span<std::byte> bytes, int root) const override;
  std::vector<Bytes> gather(std::span<const std::byte> bytes, int root) const override;
  void reduce(std::span<std::int64_t> values, ReduceOp op) const override;
  void reduce(std::span<double> values, ReduceOp op) const override;
  void exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const override;
  std::unique_ptr<ConsentState> ask(Bytes objection) const override;
  std::shared_ptr<const CommState> split(std::optional<int> color, int key) const override;
  std::shared_ptr<const CommState> subgroup(std::span<const int> ranks) const override;
  std::shared_ptr<const CommState> duplicate() const override { return copy(); }
  std::shared_ptr<const CommState> surviving() const override;
  /// As `duplicate`.
  std::shared_ptr<const MpiState> copy() const;
  std::unique_ptr<RootTransport> root_transport(RunId run) const override;
  std::unique_ptr<WorkerTransport> worker_transport(RunId run) const override;
  void end_others(int exit_code) const override;

 private:
  [[noreturn]] void give_up(const Waiter& waiter, const char* operation) const;
  std::int64_t lowest_rank_on_node() const;

  /// Borrows: the destructor decides whether freeing is still safe.
  boost::mpi::communicator comm_;
};

/// As `communicator_from`, with the zygote of this process.
Communicator communicator_with(std::shared_ptr<Zygote> zygote, MPI_Comm comm, const WaitOptions& options);

/// The MPI side of a group; null where it has none.
const MpiState* mpi_state(const Communicator& comm);

}  // namespace mpipe
