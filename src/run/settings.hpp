// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The options of a map, checked against its pipeline.
#pragma once

#include <mpipe/run/map.hpp>

namespace mpipe {

enum class ExecutorKind : std::uint8_t { sequential, threads, mpi };

struct ExecutorChoice {
  ExecutorKind kind = ExecutorKind::sequential;
  std::uint32_t threads = 0;
  std::string to_string() const;
};

enum class Storage : std::uint8_t { memory, hdf5 };

/// What the options mean for one run.
struct Settings {
  ExecutorChoice executor;
  std::vector<Storage> storage;                      ///< by output of the plan
  std::vector<std::optional<Index>> block_of_stage;  ///< by stage
};

/// Checks `options` (of rank 0) for a run of `plan` on `ranks` ranks. Throws `Error`: unknown_storage,
/// no_storage, no_executor, bad_chunksize, unknown_output, duplicate_entry, bad_option, not_supported.
Settings make_settings(const Plan& plan, const MapOptions& options, int ranks);

}  // namespace mpipe
