// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What lies in a run folder, and what of it a run has made.
#pragma once

#include <filesystem>

namespace mpipe::detail {

inline constexpr const char* kStatusName = "status.json";

enum class FolderKind {
  absent,
  file,  ///< there is something of that name that is not a folder
  empty,
  begun,  ///< a run claimed it, and never stored anything
  run,
  undescribed,  ///< results of a run, but no description of it
  foreign,      ///< somebody else's
};

/// Throws `Error` (storage_failed) when it cannot be read.
FolderKind classify_folder(const std::filesystem::path& path);

/// Removes what runs make, but for the lock. Symbolic links are removed, not followed; files that no run
/// makes stay, and so do folders with such. Throws `Error` (storage_failed).
void remove_run_files(const std::filesystem::path& path);

}  // namespace mpipe::detail
