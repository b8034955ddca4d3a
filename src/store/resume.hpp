// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The beginning of a store: new files, or those of an earlier start.
#pragma once

#include "store/file_store.hpp"

namespace mpipe {

/// By one process. Compares the run that an earlier start left with `now`, forgets what is to be computed
/// anew, takes over the shapes that were found, and makes what is missing: afterwards every output that can
/// have a place has one, with room for what is selected. `progress` and `in_files` are left empty.
/// `before_change` as in `StoreOptions`.
StoreStart prepare_resume(const fs::path& folder, const RunDescription& now,
                          const std::vector<std::string>& redo,
                          const decltype(StoreOptions::before_change)& before_change = {});

/// By one process. Writes results.h5 anew, with all that is proven, and room for what `layout` selects.
void make_room(const fs::path& folder, const RunLayout& layout, const FileTable& table);

/// By one process. What is stored of these outputs counts no more, and is in no file any more.
void forget_outputs(const fs::path& folder, const RunLayout& layout, const std::vector<std::size_t>& outputs);

/// Everything but the values of inputs, which only rank 0 needs.
std::vector<std::byte> pack_start(const StoreStart& start);
StoreStart unpack_start(std::span<const std::byte> bytes);

/// Collective. Finds out what of an earlier start can be trusted, and moves what is in journals into the
/// files.
void recover(const Communicator& comm, const fs::path& folder, const StoreOptions& options,
             StoreStart& start);

}  // namespace mpipe
