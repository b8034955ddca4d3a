// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Where runs are.
#pragma once

#include <filesystem>
#include <vector>

namespace mpipe::app {

/// The folder, or those below it, that have a run, sorted: as deep as runs of a document with `runs:` lie. Symbolic
/// links are not followed: they may lead in circles. What cannot be read has no runs.
std::vector<std::filesystem::path> find_runs(const std::filesystem::path& folder);

}  // namespace mpipe::app
