// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Inputs as variables of results.h5.
#pragma once

#include "store/api/run_store.hpp"
#include "store/h5/h5.hpp"
#include "store/run_paths.hpp"

namespace mpipe {

/// Reads a variable that has no description but itself. Throws `Error` (storage_failed) when it is none that
/// mpipe makes, or longer than its file.
Value read_input_variable(hid_t file, const std::string& name, std::uint64_t file_size);

/// Whether results.h5 has the inputs of `layout` as they are given there. Throws as `read_input_variable`.
bool inputs_match(const fs::path& folder, const RunLayout& layout);

}  // namespace mpipe
