// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The texts of batch scripts for Slurm.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mpipe::app {

/// Slurm warns a job so many seconds before its end. It looks at limits once a minute, so that a warning may come up
/// to a minute late.
inline constexpr int kWarningSeconds = 120;
inline constexpr int kWarningSlack = 60;

/// What a batch script says. Texts are not quoted yet.
struct BatchScript {
  std::string document;
  std::string run_folder;
  std::vector<std::string> options;  ///< of sbatch, `--nodes=4`
  std::string launcher;              ///< `mpirun`, or `srun --mpi=pmix`
  bool requeue = false;              ///< start the job again until the run is complete
};

/// One job: a run that drains before the time is over, and goes on where it stopped.
std::string one_job(const BatchScript& script);

/// A script for the login node, which submits `jobs` jobs: each goes on where the one before it stopped.
std::string chain_of_jobs(const BatchScript& script, int jobs);

/// A script for the login node, which submits an array of `shards` jobs, each of which computes one part of the sweep
/// in a folder beside the run folder, and a job that merges these when all of them are complete, and computes what has
/// waited for that.
std::string array_of_jobs(const BatchScript& script, int shards);

}  // namespace mpipe::app
