// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The files that one rank appends to while a run goes on.
#pragma once

#include "store/extents.hpp"
#include "store/journal/journal.hpp"
#include "store/run_paths.hpp"

#include <utility>

namespace mpipe {

/// Two journals, and the extents of what this rank wrote into datasets. The first journal holds what a commit
/// moves, and is emptied then. The *retained* journal holds what has no dataset before the end of the run; it
/// is never emptied, and has a name of its own for each start of the run, as a later start must not touch it.
class RankLogs {
 public:
  /// Begins the first journal anew; the others are made when they are needed.
  RankLogs(fs::path folder, const RunKey& key, int rank, int start)
      : folder_(std::move(folder)),
        key_(key),
        rank_(rank),
        start_(start),
        journal_(journal_path(folder_, rank), key, rank) {}

  JournalWriter& journal() { return journal_; }
  JournalWriter& retained() {
    if (!retained_) {
      retained_.emplace(retained_path(folder_, rank_, start_), key_, rank_);
      has_new_names_ = true;
    }
    return *retained_;
  }
  ExtentWriter& extents() {
    if (!extents_) {
      extents_.emplace(writer_extents_path(folder_, rank_), key_);
      has_new_names_ = true;
    }
    return *extents_;
  }
  /// Where both journals of this rank are, whether the second was made or not.
  std::vector<fs::path> journals() const {
    return {journal_path(folder_, rank_), retained_path(folder_, rank_, start_)};
  }
  std::uint64_t journal_bytes() const { return journal_.bytes(); }

  // Each of these also has the names of files reach the disk: POSIX does not promise that a file which was synced is
  // found in its folder after a power failure.
  void sync_retained() {
    if (!retained_) return;
    retained_->sync();
    sync_names();
  }
  void sync_extents() {
    if (!extents_) return;
    extents_->sync();
    sync_names();
  }
  void sync_journals() {
    journal_.sync();
    sync_retained();
    sync_names();
  }

 private:
  void sync_names() {
    if (std::exchange(has_new_names_, false)) sync_folder(journal_folder(folder_));
  }

  fs::path folder_;
  RunKey key_;
  int rank_;
  int start_;
  JournalWriter journal_;
  std::optional<JournalWriter> retained_;
  std::optional<ExtentWriter> extents_;
  bool has_new_names_ = true;  ///< files were made since their names were last synced
};

}  // namespace mpipe
