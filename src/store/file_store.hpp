// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The store of a run on one rank: what is behind `RunStore`.
///
/// Three ways lead into the file. What this rank finished is appended to its journal (or, when it is much,
/// written straight to its place); a commit moves it from the memory of all ranks through the writers; in
/// between each writer moves what is in the journals of its node. News of the file travel with the next
/// commit: until then each rank knows of its own only.
#pragma once

#include "store/commit/commit_mover.hpp"
#include "store/journal/journal.hpp"
#include "store/output/element_files.hpp"
#include "store/output/variable_source.hpp"

namespace mpipe {

/// How a rank begins: the same everywhere, told by rank 0.
struct StoreStart {
  RunLayout layout;  ///< with inputs and selections on rank 0 only
  int number = 1;    ///< of this start: no two of a run have the same
  FileTable table;
  std::vector<OutputProgress> progress;
  std::vector<RangeSet> in_files;  ///< by output: elements that are in results.h5 or a segment
};

class FileStore final : public RunStore {
 public:
  /// Collective.
  FileStore(const Communicator& comm, fs::path folder, StoreStart start, const StoreOptions& options);

  const std::vector<OutputProgress>& progress() const override { return progress_; }
  const std::vector<RangeSet>& stored() const override { return stored_; }
  PartialShape shape(std::size_t output) const override { return layout_.outputs[output].shape; }
  bool shape_known(std::size_t output) const override { return layout_.outputs[output].shape_known(); }
  void load(std::size_t output, const RangeSet& wanted, PartialArray& array) override;
  void resolve(std::size_t output, const Shape& shape) override;
  void append(std::size_t output, IndexRange range, const PartialArray& array) override;
  void mark(std::size_t output, IndexRange range, ElementStatus status) override;
  void maintain(TimePoint now) override;
  void flush() override;
  std::uint64_t journal_bytes() const override;
  bool wants_commit() const override { return journal_bytes() > options_.journal_limit_bytes; }
  void commit(std::span<const PartialArray* const> arrays) override;
  void finish(std::span<const PartialArray* const> arrays, bool complete) override;

 private:
  /// What this rank did for one output since the last commit.
  struct Mine {
    RangeSet unmoved;  ///< in a journal of this rank, and not known to be in a file; stays over commits
    RangeSet kept;     ///< in the journal that stays
    RangeSet placed;   ///< in a file, by this rank
    RangeSet failed;
    RangeSet blocked;
  };

  void check_usable() const;
  // append
  bool is_direct(std::size_t output, std::size_t bytes) const;
  void append_direct(std::size_t output, IndexRange range, const PartialArray& array);
  void append_frame(JournalWriter& journal, std::size_t output, IndexRange range, const PartialArray& array);
  JournalWriter& kept_journal();
  ExtentWriter& extents();
  // maintain
  void move_journals();
  void sync_all();
  // commit
  void take_unplaced(std::size_t output, const PartialArray& array);
  News collect_news(std::span<const PartialArray* const> arrays);
  void move_from_own_journals(std::size_t output, OutputNews& news);
  CommitPlan plan_together(const News& mine);
  void keep_extents(const CommitPlan& plan, std::vector<Extent> written);
  void write_marks_together(const CommitPlan& plan);
  void forget_moved(const CommitPlan& plan);
  void update_stored();
  // late shapes
  void share_table();
  RangeSet place_marks(std::size_t output);
  void move_earlier_journals(std::size_t output);
  // end
  void finish_folder();
  bool needs_rewriting() const;

  void load_from_file(std::size_t output, const RangeSet& wanted, PartialArray& array);
  void load_elements(std::size_t output, const RangeSet& wanted, PartialArray& array);
  void load_from_elsewhere(std::size_t output, const RangeSet& wanted, PartialArray& array);

  Communicator comm_;
  fs::path folder_;
  RunLayout layout_;
  StoreOptions options_;
  RunKey key_;
  int start_;
  bool usable_ = true;
  Writers writers_;
  RunFiles files_;
  ElementFiles elements_;
  std::optional<JournalWriter> journal_;  ///< of what a commit moves
  std::optional<JournalWriter> kept_;     ///< of what stays until the end; made when needed
  std::optional<ExtentWriter> extents_;   ///< made when needed
  std::vector<JournalReader> served_;     ///< on writers: journals of their node
  CommitBuffers buffers_;

  std::vector<OutputProgress> progress_;
  std::vector<RangeSet> stored_;
  std::vector<RangeSet> in_files_;
  std::vector<Mine> mine_;
  std::optional<TimePoint> last_move_;
  std::optional<TimePoint> last_sync_;
};

}  // namespace mpipe
