// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The store of a run on one rank: what is behind `RunStore`.
///
/// Three ways lead into the file. What this rank finished is appended to its journal (or, when it is much,
/// written straight to its place); a commit moves it from the memory of all ranks through the writers; in
/// between each writer moves what is in the journals of its node. News of the file travels with the next
/// commit: until then each rank knows of its own only.
#pragma once

#include "store/api/run_description.hpp"
#include "store/commit/commit_mover.hpp"
#include "store/output/output_store.hpp"

namespace mpipe {

/// How a rank begins: the same everywhere, told by rank 0.
struct StoreStart {
  RunDescription layout;  ///< on other ranks than 0: without what `RunLayout` lacks, inputs and selections
  int number = 1;         ///< of this start: no two of a run have the same
  FileTable table;
  std::vector<ElementStates> progress;
  std::vector<RangeSet> in_files;  ///< by output: elements that are in results.h5 or a segment
  std::vector<NotKept> not_kept;   ///< by output; rank 0, after a resume
};

class FileStore final : public RunStore {
 public:
  /// Collective.
  FileStore(const Communicator& comm, fs::path folder, StoreStart start, const StoreOptions& options);

  const std::vector<ElementStates>& progress() const override { return progress_; }
  const std::vector<RangeSet>& stored() const override { return stored_; }
  const std::vector<OutputLayout>& outputs() const override { return layout_.outputs; }
  std::optional<ValuesInFile> values_in_file(std::size_t output) override;
  void load(std::size_t output, const RangeSet& wanted, PartialArray& array) override;
  void resolve(const std::map<std::size_t, Shape>& shapes) override;
  void append(std::size_t output, IndexRange range, const PartialArray& array) override;
  void mark(std::size_t output, IndexRange range, ElementStatus status) override;
  void maintain(TimePoint now) override;
  void flush() override;
  std::uint64_t journal_bytes() const override;
  bool wants_commit() const override { return journal_bytes() > options_.journal_limit_bytes; }
  void commit(std::span<const PartialArray* const> arrays) override;
  void finish(std::span<const PartialArray* const> arrays, bool complete) override;

 private:
  void check_usable() const;
  // maintain
  bool move_journals(std::size_t most_of_each);
  void sync_all();
  // commit
  CommitDelta collect_delta(std::span<const PartialArray* const> arrays);
  CommitPlan plan_together(const CommitDelta& mine);
  void keep_extents(const CommitPlan& plan, std::vector<Extent> written);
  void write_marks_together(const CommitPlan& plan);
  void forget_moved(const CommitPlan& plan);
  void update_stored();
  // late shapes
  void require_same_shape(std::size_t output, const Shape& shape) const;
  void share_places(const std::vector<std::size_t>& outputs);
  void move_earlier_journals(std::size_t output);
  // end
  void require_places() const;
  void finish_folder();

  Communicator comm_;
  fs::path folder_;
  RunDescription layout_;
  Writers writers_;
  StoreOptions options_;
  RunKey key_;
  bool usable_ = true;
  RunOutputs outputs_;
  std::optional<RankLogs> logs_;       ///< until the end
  std::vector<JournalReader> served_;  ///< on writers: journals of their node
  CommitBuffers buffers_;

  std::vector<ElementStates> progress_;
  std::vector<RangeSet> stored_;
  std::vector<RangeSet> in_files_;
  std::optional<TimePoint> last_move_;
  std::optional<TimePoint> last_sync_;
};

}  // namespace mpipe
