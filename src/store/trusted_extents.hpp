// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a later start believes: the extents whose bytes still match their checksums.
#pragma once

#include "store/output/run_files.hpp"

namespace mpipe {

/// The base file of extents and those of all writers.
std::vector<Extent> read_all_extents(const fs::path& folder, const RunKey& key);

/// Those of `extents` that are true of values in `files`, and all marks. Extents of outputs without a place
/// are left out, and so are those that make no sense.
std::vector<Extent> matching_extents(std::span<const Extent> extents, RunFiles& files,
                                     const RunLayout& layout);

/// The same for outputs whose values vary in size, which are in a complete results.h5 only: nothing when
/// there is none.
std::vector<Extent> matching_variable_extents(std::span<const Extent> extents, const fs::path& folder,
                                              const RunLayout& layout);

/// What is known of the elements when these extents are true.
std::vector<OutputProgress> progress_of(std::span<const Extent> extents, const RunLayout& layout);

/// What marks (as in `NAME__status`) say of the elements from `first` on.
OutputProgress progress_of_marks(std::span<const std::uint8_t> marks, Index first);

/// The marks in `progress` as extents.
void add_mark_extents(const std::vector<OutputProgress>& progress, std::vector<Extent>& extents);

}  // namespace mpipe
