// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the program says: results on standard output, everything else on standard error.
#pragma once

#include <string>

namespace mpipe::app {

/// Writes all of it, now. Throws `Error` (storage_failed) when it cannot be written: a full disk, say.
void print_result(const std::string& text);

/// `pipeline_app: error: <text>` as a line on standard error.
void print_error(const std::string& text);
/// `pipeline_app: <text>` likewise.
void print_note(const std::string& text);

}  // namespace mpipe::app
