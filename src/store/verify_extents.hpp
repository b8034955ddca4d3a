// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a later start believes: the extents whose bytes still match their checksums.
#pragma once

#include "store/output/output_store.hpp"

namespace mpipe {

/// The base file of extents and those of all writers.
std::vector<Extent> read_all_extents(const fs::path& folder, const RunKey& key,
                                     std::vector<LogDamage>* damage = nullptr);

/// Whether the extent tells that elements failed or are blocked.
bool is_mark(const Extent& extent);

/// Those of `extents` that are true of the bytes that are there now, and all marks; extents that make no
/// sense are left out.
std::vector<Extent> matching_extents(std::span<const Extent> extents, const RunOutputs& outputs);

/// What is known of the elements when these extents are true.
std::vector<ElementStates> states_of(std::span<const Extent> extents, const RunLayout& layout);

/// What marks (as in `NAME__status`) say of the elements from `first` on.
ElementStates states_of_marks(std::span<const std::uint8_t> marks, Index first);

/// Failed and blocked elements as extents.
void add_mark_extents(const std::vector<ElementStates>& states, std::vector<Extent>& extents);

}  // namespace mpipe
