// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a `Communicator` is a handle of.
#pragma once

#include <mpipe/comm/native_comm.hpp>

#include "comm/api/waiter.hpp"
#include "isolation/api/zygote.hpp"

#include <boost/mpi/communicator.hpp>

#include <memory>
#include <vector>

namespace mpipe {

/// Messages between two ranks on the communicator of a group.
enum class CommTag : int { gather = 1, exchange = 2, subgroup = 3 };

struct CommState {
  CommState() = default;
  /// Takes over `raw`, and makes it return errors.
  CommState(MPI_Comm raw, WaitOptions options, std::shared_ptr<bool> broken_flag,
            std::shared_ptr<Zygote> forks, std::vector<int> ranks_of_job = {});
  ~CommState();
  CommState(const CommState&) = delete;
  CommState& operator=(const CommState&) = delete;

  MPI_Comm raw() const { return comm; }
  /// Throws after an error of MPI; from then on nothing is freed or finalised any more.
  void check(int code, const char* operation) const;
  /// Until `request` is complete.
  void wait(MPI_Request& request, const char* operation) const;
  void wait_all(std::vector<MPI_Request>& requests, const char* operation) const;
  [[noreturn]] void give_up(const Waiter& waiter, const char* operation) const;

  bool uses_mpi = false;
  int rank = 0;
  int size = 1;
  /// By rank; empty: the same (see `Communicator::job_rank`).
  std::vector<int> job_ranks;
  WaitOptions wait_options;
  /// Borrows: the destructor below decides whether freeing is still safe.
  boost::mpi::communicator comm;
  /// Shared by all groups that came from one: MPI failed, or a wait was given up, so that requests are still
  /// under way.
  std::shared_ptr<bool> broken = std::make_shared<bool>(false);
  /// Of this process, shared likewise; may be null.
  std::shared_ptr<Zygote> zygote = nullptr;
};

/// As `communicator_from`, with the zygote of this process.
Communicator communicator_with(std::shared_ptr<Zygote> zygote, MPI_Comm comm, const WaitOptions& options);
/// Likewise, a serial group.
Communicator serial_with(std::shared_ptr<Zygote> zygote);

}  // namespace mpipe
