// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Digests of programs and of the files that are words of commands: by these a run that goes on knows that they are what
/// they were.
#pragma once

#include "base/api/file.hpp"

#include <string>

namespace mpipe::detail {

/// Text that differs when the content of the file does: a digest of its bytes. Files of more than 256 MiB, and those that
/// may be executed but not read, are known by their size and the time of their last change. What was read once is read
/// again only when size or time have changed. Empty where there is no such file. Thread rule: any thread.
std::string file_digest(const fs::path& path);

}  // namespace mpipe::detail
