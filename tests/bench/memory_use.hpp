// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace mpipe::bench {

/// A value of /proc/self/status or /proc/self/smaps_rollup, in MB (10^6 bytes); e.g. ("status", "VmHWM").
double memory_megabytes(const std::string& file, const std::string& key);

}  // namespace mpipe::bench
