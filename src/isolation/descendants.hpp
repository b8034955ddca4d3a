// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What functions leave behind: processes that they started and that are still there.
#pragma once

#include <sys/types.h>

#include <vector>

namespace mpipe::detail {

/// Makes this process the one to which descendants fall whose parents have ended, whatever session or group
/// they have made for themselves.
void adopt_descendants();
/// Whether this process has children, ended ones too.
bool has_children();
/// The children of this process, those of all its threads.
std::vector<pid_t> children_of_this_process();
/// Kills all descendants but the children `spared` (sorted) and what those have started, and waits for their
/// end, a few seconds at most: a process that a file system holds cannot be ended.
void end_descendants(const std::vector<pid_t>& spared = {});

}  // namespace mpipe::detail
