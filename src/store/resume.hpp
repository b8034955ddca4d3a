// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The beginning of a store: new files, or those of an earlier start.
#pragma once

#include "store/file_store.hpp"

namespace mpipe {

/// By one process. Looks at what an earlier start left, compares it with `layout`, takes over the shapes that
/// were found, and makes what is missing: afterwards every output that can have a place has one, with room
/// for what is selected. `progress` and `in_files` are left empty.
StoreStart prepare_resume(const fs::path& folder, const RunLayout& layout);

/// Everything but the values of inputs, which only rank 0 needs.
std::vector<std::byte> pack_start(const StoreStart& start);
StoreStart unpack_start(std::span<const std::byte> bytes);

/// Collective. Finds out what of an earlier start can be trusted, and moves what is in journals into the
/// files.
void recover(const Communicator& comm, const fs::path& folder, const StoreOptions& options,
             StoreStart& start);

}  // namespace mpipe
