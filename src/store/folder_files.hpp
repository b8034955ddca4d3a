// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Making and removing the files of a run folder, by one process.
#pragma once

#include "store/output/result_file.hpp"
#include "store/run_paths.hpp"

namespace mpipe {

/// Makes results.h5 with all outputs that have a place, and renames it into place.
void make_results(const fs::path& folder, const RunLayout& layout);
/// Makes the segments of some outputs, and renames them into place.
void make_segment_files(const fs::path& folder, const RunLayout& layout,
                        std::span<const std::size_t> outputs);

/// What calls that died left behind under temporary names.
void remove_folder_temporaries(const fs::path& folder, std::size_t outputs);
/// Journals, segments and extents of writers, with their folders; what somebody else put there stays.
void remove_working_files(const fs::path& folder);
/// Everything that this layer makes.
void remove_all_files(const fs::path& folder);

}  // namespace mpipe
