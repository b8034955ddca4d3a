// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `RunTimes`: how long a run took, and how much of that its workers computed.
#pragma once

#include <mpipe/run/map.hpp>

#include "exec/api/block_runner.hpp"

#include <span>
#include <vector>

namespace mpipe {

/// Sums times over the groups of ranks that a run has had, one after the other.
class RunTimes {
 public:
  explicit RunTimes(TimePoint now) : began_(now), regrouped_(now) {}

  /// Rank 0: what workers have computed.
  void add_busy(Duration busy) { busy_ += busy; }
  /// The time of these ranks and workers is over; `costs` by FunctionId.
  void end_of_ranks(TimePoint now, int ranks, std::uint32_t workers, std::span<const FunctionCost> costs);
  /// Collective: fills in the times and the costs of functions, which are those of all ranks.
  void report(const Communicator& comm, const Plan& plan, Results& results);

 private:
  TimePoint began_;
  TimePoint regrouped_;              ///< when the run began on the ranks at hand
  Duration busy_{};                  ///< of all workers; rank 0
  Duration worker_time_{};           ///< of all workers, busy or not
  Duration rank_time_{};             ///< of all ranks
  std::vector<FunctionCost> costs_;  ///< by FunctionId: on this rank
};

}  // namespace mpipe
