// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Arrays as numpy's own files (format 1.0).
#pragma once

#include <mpipe/data/value.hpp>

#include <filesystem>

namespace mpipe::app {

/// Writes the array. Throws `Error`: not_supported (values that are not numbers),
/// storage_failed.
void write_npy(const std::filesystem::path& file, const Value& value);

}  // namespace mpipe::app
