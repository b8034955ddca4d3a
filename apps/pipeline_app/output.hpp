// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the program says: results on standard output, everything else on standard error.
#pragma once

#include <string>

namespace mpipe::app {

/// Writes all of it, now. Throws `Error` (storage_failed) when it cannot be written: a full disk, say.
void print_result(const std::string& text);
/// The same for people: what of it would control the terminal is shown as text. JSON and tables for programs go
/// through `print_result`, as they are.
void print_text(const std::string& text);

/// `pipeline_app: error: <text>` as a line on standard error.
void print_error(const std::string& text);
/// `pipeline_app: <text>` likewise.
void print_note(const std::string& text);
/// Writes to standard error. Text that cannot be written is lost, and changes nothing else.
void say(const std::string& text);

/// Opens /dev/null on standard streams that are closed, so that no file or pipe of the program gets their
/// numbers, and its messages. A pipe that nobody reads any more is an error of writing, and no signal. To be
/// called before anything is opened.
void secure_streams();

}  // namespace mpipe::app
