// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Outputs as numpy's own files (format 1.0).
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <filesystem>

namespace mpipe::app {

/// Writes an output of numbers, true and false, or texts (as numpy's `<U`, each of which takes as much as the longest)
/// in the place of what is there; it appears when it is whole. Values pass through memory in parts. Throws `Error`:
/// bad_option for values that numpy has no type for and texts that it would not give back, missing_input where the
/// shape is not known or elements are missing that no value tells of, storage_failed.
void write_npy(const std::filesystem::path& path, RunReader& reader, std::size_t output);

}  // namespace mpipe::app
