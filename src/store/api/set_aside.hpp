// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Files of results that are damaged beyond reading.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe {

/// By one process, which has the folder, before a run goes on. Renames results.h5 and segments that do not open, or whose
/// datasets do not, to `NAME.damaged` in the run folder: then they count as missing, and what journals hold is kept.
/// Nothing is renamed where the disk fails to read, or where the file is of another run. `layout`: as run.json has it.
/// Returns a sentence about each. Throws `Error` (storage_failed, resume_mismatch).
std::vector<std::string> set_damaged_aside(const std::filesystem::path& run_folder, const RunLayout& layout);

}  // namespace mpipe
