// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Joins what several runs of one sweep have computed into one run.
#pragma once

#include "store/api/run_description.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe {

/// One output of the joined run.
struct MergedOutput {
  OutputLayout layout;
  ElementStates states;
  Index added = 0;  ///< elements that this merge has put there
};

/// Local. What the run is that has everything of the runs in `folders`; each of them is verified. Throws `Error`:
/// resume_mismatch where they do not belong together, folder_refused where there is no run, storage_failed where one
/// of them is damaged.
RunDescription describe_merged(const std::vector<std::filesystem::path>& folders,
                               const std::string& command_line);

/// Local: one process does it. Puts everything that the runs in `folders` have computed into the run folder `into`,
/// which the caller has claimed: as the new run `merged`, or, with `goes_on`, in addition to the run that is in it. Elements
/// that several of them have must be equal byte for byte; one that is done somewhere is done, whatever failed
/// elsewhere. `folders` are read only. When the process dies, `into` is a run like any other that was killed: it can
/// be resumed, and merged into again. Asks for some 500 MB beside what one element takes, and for the whole output
/// where values vary in size.
///
/// Throws `Error`: storage_failed where two runs have different values of one element, or where a file cannot be read
/// or written; resume_mismatch where the run that is in `into` is another one.
std::vector<MergedOutput> merge_runs(const std::vector<std::filesystem::path>& folders,
                                     const RunDescription& merged, const std::filesystem::path& into,
                                     bool goes_on);

}  // namespace mpipe
