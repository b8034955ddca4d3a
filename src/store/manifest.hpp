// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// store.json: what the files of a run hold, for those who read them without the program that made them.
#pragma once

#include <mpipe/store/run_store.hpp>

#include "store/posix_file.hpp"

namespace mpipe {

/// Replaces store.json in `folder` at once. Inputs are not in it.
void write_manifest(const fs::path& folder, const RunLayout& layout);

/// Reads it; nothing when it is not there. Checks everything: throws `Error` (storage_failed) when something
/// is missing, unknown, or makes no sense.
std::optional<RunLayout> read_manifest(const fs::path& folder);

/// Throws `Error` (resume_mismatch), naming the difference, unless `found` describes the same outputs as
/// `wanted`. Extents that only one of them knows are no difference.
void check_same_layout(const RunLayout& wanted, const RunLayout& found);

/// The type with that kind and name, as they are in a manifest. Throws `Error` (storage_failed) for others.
const ElementType& type_from_name(const std::string& name, bool is_object);

}  // namespace mpipe
