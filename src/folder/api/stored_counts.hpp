// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How much of a run that has ended is there.
#pragma once

#include <mpipe/folder/status.hpp>
#include <mpipe/store/run_reader.hpp>

namespace mpipe {

/// Of a run that has ended before it was complete: counts what is stored in place of what rank 0 had heard of, which is less
/// where other ranks stored more before they ended. Outputs of which the run was to compute a part only stay as told, as do
/// all of a run that goes on or is complete.
void count_stored(RunStatus& status, const RunReader& stored);

/// `read_status`, with these counts. A folder that cannot be read has the counts that were told: `verify` says what is wrong
/// with it. Throws as `read_status`.
RunStatus read_stored_status(const std::string& run_folder);

}  // namespace mpipe
