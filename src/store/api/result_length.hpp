// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Whether the results of a run fit into one file, as far as the file system is concerned.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include "base/api/file.hpp"

#include <span>
#include <string>

namespace mpipe {

/// What to say where the values of these outputs make a file longer than the file system of `file` has any; empty
/// where they fit. `file` may be that long then, which takes no room.
std::string length_problem(File& file, const RunLayout& layout, std::span<const std::size_t> outputs);

/// The same of a run in `folder`, which need not be there. Leaves nothing behind.
std::string warn_of_size(const fs::path& folder, const RunLayout& layout);

}  // namespace mpipe
