// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The process that uses a run folder, as its lock file tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mpipe {

/// A process, so that it is not taken for a later one with the same number.
struct FolderOwner {
  std::string host;
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;   ///< clock ticks after boot, from /proc/PID/stat; 0 where unknown
  std::string job_id;             ///< of Slurm, or empty
  std::int64_t job_restarts = 0;  ///< how often Slurm has requeued the job
  std::string since;              ///< ISO 8601, UTC

  /// The same process (not: the same moment).
  bool same_process(const FolderOwner& other) const {
    return host == other.host && pid == other.pid && start_time == other.start_time;
  }
};

enum class Liveness : std::uint8_t {
  alive,
  dead,
  unknown,  ///< on another host
};

FolderOwner this_process();

/// Whether a process still runs, as far as this host can know. A zombie is dead, and so is the earlier start
/// of a job that Slurm has requeued, on any host.
Liveness liveness(const FolderOwner& owner);

/// `process 4711 on node7 (Slurm job 42), since 2026-01-31T12:00:00Z`
std::string describe(const FolderOwner& owner);

/// Who holds the folder; nothing when nobody does, or when its lock file is not of a run.
std::optional<FolderOwner> folder_owner(const std::string& run_folder);

}  // namespace mpipe
