// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Files that the user names for something to be written, and what they may take the place of.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mpipe::app {

/// Throws `Error` (bad_option) when there is something at `file` that is no file: a folder, a device, a pipe. It would
/// be replaced by a file of the name. `kind` is said in the message, as in "report".
void require_regular(const std::filesystem::path& file, const std::string& kind);

/// Throws `Error` (bad_option) when there is something else at `file` than an earlier file of the kind, which begins with
/// `beginning`: it would be lost. `kind` is said in the message, as in "report"; `advice` is a sentence. What a link
/// leads to is looked at.
void require_replaceable(const std::filesystem::path& file, std::string_view beginning,
                         const std::string& kind, const std::string& advice);

}  // namespace mpipe::app
