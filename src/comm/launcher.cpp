// SPDX-License-Identifier: BSD-3-Clause
// Tells from the environment whether a launcher of MPI started this process.
#include "comm/launcher.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace mpipe {

namespace {

std::optional<std::uint64_t> number(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// How many tasks srun started this process with; 1 outside of srun.
std::uint64_t slurm_step_tasks(const EnvironmentLookup& lookup) {
  if (lookup("SLURM_PROCID") == nullptr) return 1;  // a login or salloc shell knows SLURM_NTASKS too
  if (const auto tasks = number(lookup("SLURM_STEP_NUM_TASKS"))) return *tasks;
  // Batch scripts have a step number from the end of the 32-bit range, and are one process whatever
  // SLURM_NTASKS says.
  constexpr std::uint64_t first_special_step = 0xfffffff0;
  const auto step = number(lookup("SLURM_STEP_ID"));
  if (!step || *step >= first_special_step) return 1;
  return number(lookup("SLURM_NTASKS")).value_or(1);
}

}  // namespace

/// The answer decides whether MPI is started at all: a program that runs alone saves the time, and works on
/// hosts where MPI cannot start.
bool has_mpi_launcher(const EnvironmentLookup& lookup) {
  // Open MPI's mpirun; PMIx under whatever started it; the PMI of MPICH and its kin.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (lookup(name) != nullptr) return true;
  }
  const std::uint64_t tasks = slurm_step_tasks(lookup);
  if (tasks <= 1) return false;
  throw Error(
      Category::bad_option,
      fmt::format(
          "srun started {0} tasks without PMIx (they cannot find each other: each would run everything "
          "alone, and all would write to the same run folder). Use 'srun --mpi=pmix -n {0} PROGRAM ..', "
          "or in the batch script 'mpirun -n {0} PROGRAM ..' without srun.",
          tasks));
}

void check_launcher(const EnvironmentLookup& lookup, int ranks) {
  if (ranks != 1 || lookup("OMPI_COMM_WORLD_SIZE") != nullptr) return;
  // Hydra tells its processes both numbers; those of Slurm's PMI know the first one.
  const std::uint64_t processes =
      std::max(number(lookup("PMI_SIZE")).value_or(1), number(lookup("MPI_LOCALNRANKS")).value_or(1));
  if (processes <= 1) return;
  throw Error(
      Category::bad_option,
      fmt::format(
          "a launcher of another MPI started {0} processes, which cannot find each other (each would run "
          "everything alone, and all would write to the same run folder). Use the mpirun of the MPI that "
          "mpipe was built with: 'mpirun -n {0} PROGRAM ..'; under Slurm also 'srun --mpi=pmix -n {0} "
          "PROGRAM ..'.",
          processes));
}

}  // namespace mpipe
