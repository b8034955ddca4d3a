// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A complete new results.h5 from the old one, segments and journals, where what is there cannot be completed
/// in place.
#pragma once

#include "store/extents.hpp"
#include "store/run_paths.hpp"

namespace mpipe {

struct Rewriting {
  const fs::path& folder;
  const RunLayout& layout;                     ///< with inputs, and selections for which there shall be room
  const std::vector<ElementStates>& progress;  ///< what goes into the new file
  /// Elements of outputs that vary in size which are in the old results.h5, by output; the others are in
  /// journals.
  const std::vector<RangeSet>& in_results;
};

/// By one process. Writes the new file beside the old one, checks all of it against the checksums of what it
/// was made from, and renames it into place. Returns the extents of everything in it, marks included. Throws
/// `Error` (storage_failed); the old files are then as they were.
std::vector<Extent> rewrite_results(const Rewriting& rewriting);

}  // namespace mpipe
