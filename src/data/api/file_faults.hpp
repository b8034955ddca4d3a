// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What becomes of a process that looks into a file which somebody has cut, or which the disk cannot read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mpipe {

/// Memory that shows bytes of a file raises a signal (SIGBUS) where the file has no such bytes any more. For as long
/// as the result lives, such a look at these addresses sees zeros instead, and counts as a fault; the signal is
/// handled by whoever handled it before where it comes from elsewhere. Null when so many ranges are guarded already
/// that there is no room for another. Any thread.
std::shared_ptr<void> guard_file_faults(void* begin, std::size_t size);

/// How many faults there were in this process. Zeros that were seen instead of values must not be used: whoever reads
/// guarded memory compares this number before and after.
std::uint64_t file_faults();

}  // namespace mpipe
