// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Names and numbers of the file formats (docs/formats.md), and where the files of a run are.
#pragma once

#include <mpipe/core/index.hpp>

#include "base/api/file.hpp"

#include <cstdint>

namespace mpipe {

inline constexpr std::int32_t kFormatVersion = 1;

inline constexpr const char* kFormatAttribute = "mpipe_format";
inline constexpr const char* kRunIdAttribute = "mpipe_run_id";

inline constexpr const char* kResultsName = "results.h5";
inline constexpr const char* kExtentsName = "results.extents";
inline constexpr const char* kJournalFolder = "journal";
inline constexpr const char* kSegmentFolder = "segments";
inline constexpr const char* kElementFolder = "elements";
/// On `NAME__status` of an output that has a file per element: the folder of the files, within the run
/// folder.
inline constexpr const char* kElementsAttribute = "mpipe_elements";

fs::path results_path(const fs::path& folder);
fs::path extents_path(const fs::path& folder);
fs::path journal_folder(const fs::path& folder);
fs::path segment_folder(const fs::path& folder);
/// Of an output whose shape came late.
fs::path segment_path(const fs::path& folder, std::size_t output);

/// Of the elements of all outputs that have a file per element, and of those of one.
fs::path element_folder(const fs::path& folder);
fs::path element_folder(const fs::path& folder, const std::string& output);
/// Of one element, in a folder of at most 10000 in the folder of its output.
fs::path element_path(const fs::path& output_folder, Index element);

/// What a rank finished and a commit moves into the file.
fs::path journal_path(const fs::path& folder, int rank);
/// What stays in journals until the end. One per rank and start of the run, as a later start must not touch
/// it.
fs::path retained_path(const fs::path& folder, int rank, int start);
/// Extents of what a writer put into the file.
fs::path writer_extents_path(const fs::path& folder, int rank);

/// The files of those kinds that are there, sorted.
std::vector<fs::path> find_journals(const fs::path& folder);
std::vector<fs::path> find_retained(const fs::path& folder);
std::vector<fs::path> find_writer_extents(const fs::path& folder);
/// One more than the greatest start number of any kept journal.
int next_start(const fs::path& folder);

}  // namespace mpipe
