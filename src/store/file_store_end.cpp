// SPDX-License-Identifier: BSD-3-Clause
// The end of a run: one complete file, and nothing beside it but checksums and the description.
#include "store/file_store.hpp"
#include "store/folder_files.hpp"
#include "store/rewrite.hpp"
#include "store/trusted_extents.hpp"

#include <algorithm>
#include <utility>

namespace mpipe {

void FileStore::finish(std::span<const PartialArray* const> arrays, bool complete) {
  commit(arrays);
  usable_ = false;
  CollectiveSteps agreement(comm_);
  agreement.attempt([&] {
    if (options_.sync) sync_all();
    // Files are closed before rank 0 removes them, as some file systems keep open ones under other names.
    journal_.reset();
    kept_.reset();
    extents_.reset();
    served_.clear();
    files_.close();
  });
  agreement.agree();
  if (!complete) return;
  agreement.attempt([&] {
    if (comm_.is_root()) finish_folder();
  });
  agreement.agree();
}

/// Segments, and outputs whose values vary in size, go into a new file; without them the file is complete
/// already.
bool FileStore::needs_rewriting() const {
  for (std::size_t k = 0; k < layout_.outputs.size(); ++k) {
    const OutputLayout& output = layout_.outputs[k];
    if (!output.type->fixed_size() && !output.in_own_files() && output.shape_known()) return true;
    if (files_.place(k) != nullptr && files_.table().outputs[k]->in_segment) return true;
  }
  return false;
}

void FileStore::finish_folder() {
  std::vector<Extent> extents;
  if (needs_rewriting()) {
    extents = rewrite_results({folder_, layout_, progress_, in_files_});
  } else {
    extents = read_all_extents(folder_, key_);
    std::erase_if(extents, [](const Extent& extent) {
      return extent.kind == ExtentKind::failed || extent.kind == ExtentKind::blocked;
    });
    add_mark_extents(progress_, extents);
  }
  write_extents(extents_path(folder_), key_, extents, options_.sync);
  remove_working_files(folder_);
}

}  // namespace mpipe
