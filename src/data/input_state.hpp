// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Whether anything about a file has changed, and what is said when its bytes have.
#pragma once

#include <cstdint>
#include <string>

namespace mpipe::detail {

/// When the state of the file was changed last: its bytes, rights, names or times. Nobody can set this time. Throws
/// `Error` (bad_input_file) when the file cannot be opened.
std::int64_t state_changed_ns(const std::string& path);

/// Throws `Error` (bad_input_file): the file was changed after the run began to read it.
[[noreturn]] void refuse_changed_input(const std::string& path);

}  // namespace mpipe::detail
