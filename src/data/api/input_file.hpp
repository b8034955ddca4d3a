// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What readers of input files share. Files are not trusted: sizes in them are checked against the file and
/// the memory before anything is allocated.
#pragma once

#include <mpipe/core/shape.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace mpipe::detail {

/// Arrays of at least so many bytes are not read at once, but where and when somebody looks at them.
inline constexpr std::uint64_t smallest_lazy_input = std::uint64_t{1} << 20;

/// Opens a file to be read. Throws `Error` (bad_input_file) when it is not there, is a directory, or may not
/// be read.
std::ifstream open_input_file(const std::filesystem::path& file);

/// Throws `Error` (bad_input_file): `the file 'F' <problem>`.
[[noreturn]] void refuse_file(const std::filesystem::path& file, const std::string& problem);

/// The bytes of an array. Throws `Error` (too_large) where nothing could hold them.
std::uint64_t array_bytes(const Shape& shape, std::size_t bytes_per_value);

/// Refuses an array that cannot be: throws `Error` (too_large) when it needs more than half of the machine's
/// memory. To be called before anything is allocated.
void check_fits(const Shape& shape, std::size_t bytes_per_value);

}  // namespace mpipe::detail
