// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `LocalWorkers`: what computes blocks on this rank, and on rank 0 the workers of all executors.
#pragma once

#include "exec/api/block_runner.hpp"
#include "exec/api/crash_report.hpp"
#include "exec/api/serve.hpp"
#include "isolation/api/isolated_bodies.hpp"
#include "run/api/check_resources.hpp"
#include "run/drain_watch.hpp"
#include "run/run_setup.hpp"
#include "run/worker_group.hpp"

#include <memory>
#include <vector>

namespace mpipe {

/// What computes blocks on one rank, for as long as the ranks of the run stay the same.
class LocalWorkers {
 public:
  /// Collective. All references must outlive this. `sink`: the store's; null where nothing is kept.
  LocalWorkers(const Communicator& comm, const RunSetup& setup, const NodeInventory& inventory,
               RunArrays& arrays, BlockSink* sink, const Clock& clock);

  BlockRunner& runner() { return *runner_; }
  /// The machine as observers are told of it.
  const MachineInfo& machine() const { return machine_; }
  /// Blocks are computed by other threads than the one that may use the store, which takes them afterwards.
  bool appends_late() const { return appends_late_; }
  /// Functions run in forks of the ranks themselves, which begin more slowly.
  bool forks_late() const { return isolated_ && isolated_->forked_late(); }
  /// For functions of which several ranks make a call together.
  WorkerLoop::Teams teams();
  /// Rank 0: the workers of each executor, in the order of the settings. `others`: the other ranks, if any.
  WorkerGroups make_groups(RemotePool* others);

 private:
  void choose_rank0(bool computes);
  Comm form_teams(const NodeInventory& inventory);
  std::vector<CalledBody> isolate_functions();
  std::unique_ptr<WorkerGroup> make_group(const ExecutorChoice& executor, RemotePool* others);
  std::unique_ptr<Pool> local_pool(const ExecutorChoice& executor);
  std::unique_ptr<Pool> threads(std::size_t count);

  const Communicator& comm_;
  const RunSetup& setup_;
  const Clock& clock_;
  const ProcessPlace place_;
  const RankCrashReport crash_report_;
  MachineInfo machine_;
  bool rank0_computes_ = true;
  bool rank0_has_thread_ = false;
  bool appends_late_ = false;
  std::unique_ptr<IsolatedBodies> isolated_;  ///< null: all functions are called in this process
  std::unique_ptr<BlockRunner> runner_;
  std::unique_ptr<TeamMaker> team_maker_;    ///< null where no function wants several ranks for a call
  std::vector<std::uint32_t> node_of_rank_;  ///< likewise empty
};

/// Has calls told to stop when the time for storing begins, which each rank learns by itself.
inline void tell_deadline(const DrainWatch& watch, BlockRunner& runner) {
  if (const std::optional<TimePoint> when = watch.stops_calls_at()) runner.stop_calls_at(*when);
}

}  // namespace mpipe
