// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Arrays as numpy's own files (format 1.0).
#pragma once

#include <mpipe/data/value.hpp>

#include <filesystem>
#include <string>

namespace mpipe::app {

/// The bytes before the values: magic, version, type, shape. Throws `Error` (not_supported) for a type that
/// has no fixed size.
std::string npy_header(const ElementType& type, const Shape& shape);

/// Writes the array. Throws `Error`: not_supported (see above), storage_failed.
void write_npy(const std::filesystem::path& file, const Value& value);

}  // namespace mpipe::app
