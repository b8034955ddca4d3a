// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How long the journal of a rank may grow.
#pragma once

#include <cstdint>

namespace mpipe {

/// Bytes in the journal of one rank at which everybody commits, also within a wave: those of
/// `MPIPE_JOURNAL_LIMIT`, else 256 MiB. Throws `Error` (bad_option) for a variable that is no number.
std::uint64_t journal_limit();

}  // namespace mpipe
