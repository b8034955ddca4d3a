// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What ranks that a function has ended left in the run folder.
#pragma once

#include <filesystem>
#include <string>

namespace mpipe {

/// A file at the top of a run folder, which is there after a crash only: a line for each rank that crashed, then for
/// those that ended because of it. See `RankCrashReport`.
inline constexpr const char* kCrashName = "crash.txt";

/// What it says, as sentences; empty where nothing crashed, and where it cannot be read.
std::string read_crash_note(const std::filesystem::path& run_folder);

}  // namespace mpipe
