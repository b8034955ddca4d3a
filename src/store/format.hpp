// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Names and numbers of the file formats (docs/formats.md).
#pragma once

#include <cstdint>

namespace mpipe {

inline constexpr std::int32_t kFormatVersion = 1;

inline constexpr const char* kFormatAttribute = "mpipe_format";
inline constexpr const char* kRunIdAttribute = "mpipe_run_id";

inline constexpr const char* kResultsName = "results.h5";
inline constexpr const char* kExtentsName = "results.extents";
inline constexpr const char* kManifestName = "store.json";
inline constexpr const char* kJournalFolder = "journal";
inline constexpr const char* kSegmentFolder = "segments";
inline constexpr const char* kElementFolder = "elements";
/// On `NAME__status` of an output that has a file per element: the folder of the files, within the run
/// folder.
inline constexpr const char* kElementsAttribute = "mpipe_elements";

}  // namespace mpipe
