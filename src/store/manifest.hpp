// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// store.json: what the files of a run hold, for those who read them without the program that made them.
#pragma once

#include "base/api/file.hpp"
#include "store/api/run_store.hpp"

namespace mpipe {

/// The layout as JSON. Values of inputs, and selections, are not in it; only inputs that become variables
/// are.
std::string layout_to_text(const RunLayout& layout);

/// The inverse. Checks everything: throws `Error` (storage_failed) that names `path` when something is
/// missing, unknown, or makes no sense.
RunLayout layout_from_text(std::string_view text, const fs::path& path);

/// Replaces store.json in `folder` at once.
void write_manifest(const fs::path& folder, const RunLayout& layout);

/// Reads the manifest, or returns nullopt when it is not there. Throws as `layout_from_text`.
std::optional<RunLayout> read_manifest(const fs::path& folder);

/// Throws `Error` (resume_mismatch), naming the difference, unless `found` describes the same outputs as
/// `wanted`. Extents that only one of them knows are no difference.
void check_same_layout(const RunLayout& wanted, const RunLayout& found);

/// The type with that kind and name, as they are in a manifest. Throws `Error` (storage_failed) for others.
const ElementType& type_from_name(const std::string& name, bool is_object);

}  // namespace mpipe
