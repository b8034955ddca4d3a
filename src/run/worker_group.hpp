// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `WorkerGroup`: the workers of one executor, and who hands out work to them.
#pragma once

#include <mpipe/exec/observer.hpp>

#include "exec/api/dispatch.hpp"
#include "exec/api/pools.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// The workers of one executor, on rank 0. Those of `mpi` are the other ranks, then this one.
struct WorkerGroup {
  /// `others`: the other ranks, for an executor that works on all; else null. `here`: workers of this
  /// process, may be null where there are others.
  WorkerGroup(const std::string& executor, const Communicator& comm, RemotePool* others,
              std::unique_ptr<Pool> here, std::vector<WorkerTraits> traits, SchedulerOptions options = {});

  bool is_local(WorkerId worker) const { return worker.value >= local_from; }
  std::uint32_t worker_count() const { return scheduler.worker_count(); }
  Duration busy() const;
  /// The journal of a worker has so many bytes. Returns whether a commit is due; what stays in the journal
  /// after a commit does not ask again.
  bool wants_commit(WorkerId worker, std::uint64_t journal_bytes);

  std::unique_ptr<Pool> local;
  std::optional<CompositePool> both;
  Pool* pool;
  std::uint32_t local_from;  ///< workers from here on are in this process
  Scheduler scheduler;
  std::uint64_t journal_limit;
  std::vector<std::uint64_t> commit_at;  ///< by worker: bytes of its journal at which a commit is due
  std::vector<BlockWorker> workers;      ///< as observers are told of them
  bool threads_of_user = false;          ///< of a pool of the caller's, which may not know how to pause
};

using WorkerGroups = std::vector<std::unique_ptr<WorkerGroup>>;

}  // namespace mpipe
