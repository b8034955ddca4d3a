// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The options of a map, checked against its pipeline.
#pragma once

#include <mpipe/run/map.hpp>

#include "store/api/run_store.hpp"

#include <algorithm>

namespace mpipe {

/// What the options mean for one run.
struct Settings {
  bool uses(ExecutorKind kind) const {
    return std::any_of(executors.begin(), executors.end(), [&](const auto& e) { return e.kind == kind; });
  }
  bool uses_threads() const {
    return std::any_of(executors.begin(), executors.end(),
                       [](const auto& e) { return e.calls_from_threads; });
  }
  const ExecutorChoice& executor_of(StageId stage) const { return executors[executor_of_stage[stage.value]]; }
  /// Elements per block of a stage with `todo` elements to compute; empty: automatic. Functions of a stage
  /// run block by block together: the smallest of theirs counts. `name` is for messages. Throws `Error`
  /// (bad_chunksize).
  std::optional<Index> block_of(StageId stage, Index todo, const std::string& name) const;

  std::vector<ExecutorChoice> executors;                ///< those that are used, each once
  std::vector<std::size_t> executor_of_stage;           ///< by stage: which of them
  std::vector<StorageKind> storage;                     ///< by output of the plan
  std::vector<std::vector<ChunkSize>> chunks_of_stage;  ///< by stage: those that were given
};

/// Several threads may call it at once: it says so, or each call has a process of its own.
inline bool runs_in_threads(const Function& function) {
  return function.is_thread_safe() || function.isolation() == Isolation::process;
}

/// Throws `Error` (bad_chunksize) where `size` is less than 1.
void require_chunk(Index size, const std::string& output);

/// The executor of each function, by FunctionId, as the options have it; empty where they have none. Throws
/// `Error`: unknown_output, duplicate_entry, executor_not_parallel.
std::vector<std::string> executor_names(const Pipeline& pipeline, const MapOptions& options, int ranks);

/// Checks `options` (of rank 0) for a run of `plan`, placed by `executor_names`, on `ranks` ranks. Throws
/// `Error`: unknown_storage, no_storage, no_executor, bad_chunksize, unknown_output, duplicate_entry,
/// bad_option, not_supported.
Settings make_settings(const Plan& plan, const MapOptions& options, int ranks);

}  // namespace mpipe
