// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The files that one rank appends to while a run goes on.
#pragma once

#include "store/extents.hpp"
#include "store/journal/journal.hpp"
#include "store/run_paths.hpp"

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
    if (!retained_) retained_.emplace(retained_path(folder_, rank_, start_), key_, rank_);
    return *retained_;
  }
  ExtentWriter& extents() {
    if (!extents_) extents_.emplace(writer_extents_path(folder_, rank_), key_);
    return *extents_;
  }
  /// Where both journals of this rank are, whether the second was made or not.
  std::vector<fs::path> journals() const {
    return {journal_path(folder_, rank_), retained_path(folder_, rank_, start_)};
  }
  std::uint64_t journal_bytes() const { return journal_.bytes(); }

  void sync_retained() {
    if (retained_) retained_->sync();
  }
  void sync_extents() {
    if (extents_) extents_->sync();
  }
  void sync_journals() {
    journal_.sync();
    sync_retained();
  }

 private:
  fs::path folder_;
  RunKey key_;
  int rank_;
  int start_;
  JournalWriter journal_;
  std::optional<JournalWriter> retained_;
  std::optional<ExtentWriter> extents_;
};

}  // namespace mpipe
