// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `StoreSession`: the run folder and the store of a run, from the first opening to the end.
#pragma once

#include "base/api/file.hpp"
#include "exec/api/block_runner.hpp"
#include "folder/api/run_folder.hpp"
#include "run/run_progress.hpp"
#include "run/run_setup.hpp"
#include "store/api/reuse_runs.hpp"
#include "store/api/run_store.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace mpipe {

/// Hands what is computed on this rank to the store.
class StoreSink final : public BlockSink {
 public:
  /// `positions`: where the store has the outputs of the plan.
  StoreSink(RunStore& store, const std::vector<std::size_t>& positions)
      : store_(store), positions_(positions) {}
  void append(OutputId output, IndexRange range, const PartialArray& array) override {
    store_.append(positions_[output.value], range, array);
  }
  std::uint64_t journal_bytes() const override { return store_.journal_bytes(); }

 private:
  RunStore& store_;
  const std::vector<std::size_t>& positions_;
};

/// Local. What a run would take from earlier ones; empty where it is given none.
std::vector<ReusedOutput> find_reused(const RunSetup& setup);

/// Local. What to warn of before a run: results that are too long for a file. Empty: nothing.
std::string warn_of_size(const RunSetup& setup);

/// What a run keeps beyond the life of its processes. Without a run folder it keeps nothing, and every call
/// returns at once. Calls that take a communicator, and `load`, `resolve`, `commit` and `finish`, are
/// collective.
class StoreSession {
 public:
  /// Local. `setup` must outlive this.
  explicit StoreSession(const RunSetup& setup);

  /// Creates the folder, or goes on with what is in it. Precondition: the plan has the shapes that it was made
  /// with: they are what later starts are compared with.
  void open(const Communicator& comm);
  /// Gives the store up for ranks that go on together with others, which `reopen` it. Never throws: those who
  /// join wait already, and are told by `reopen` what went wrong.
  void leave(const RunArrays& arrays) noexcept;
  void reopen(const Communicator& comm);

  /// Something is kept: there is a run folder.
  bool keeps() const { return store_ != nullptr; }
  /// Sentences on what was taken from earlier runs (`MapOptions::reuse`), by output. Rank 0, after `open`.
  const std::vector<std::string>& reuse_notes() const { return reuse_notes_; }
  /// A sentence for each output of the plan: what is kept of it, and what is computed, and why. Rank 0, after `open`.
  std::vector<std::string> explain() const;
  /// What earlier starts left, by output; empty without a run folder.
  std::vector<ElementStates> stored() const;
  /// Internal shapes that an earlier start found.
  std::vector<std::pair<OutputId, Shape>> found_shapes() const;
  BlockSink* sink() { return sink_ ? &*sink_ : nullptr; }

  /// Each rank brings the elements that it wants itself.
  /// Local. See `RunStore::values_in_file`.
  std::optional<ValuesInFile> values_in_file(OutputId output) const;
  void load(OutputId output, const RangeSet& elements, PartialArray& array);
  /// Tells the store of shapes that the plan knows, but for outputs whose shape is `assumed`.
  void resolve(const std::vector<bool>& assumed);
  /// Local. The file tells which elements have no value. A resume under `raise` tries them again.
  void mark(std::span<const OutputId> outputs, const RangeSet& elements, ElementStatus status);
  /// Local. Marks blocked elements of an output that are not marked yet.
  void mark_blocked(OutputId output, const RangeSet& blocked);
  /// Local. Takes a block that was computed by a thread which may not use the store.
  void append_late(const BlockRunner& runner, const Block& block, BlockReport& report);
  /// Local; costs little when nothing is due. Never throws, because no rank may leave the others alone: what
  /// went wrong is thrown by `check`.
  void maintain(TimePoint now) noexcept;
  /// Local. Throws what went wrong on this rank in a call that does not throw.
  void check() const;
  /// Local. The same, given once, for those who tell rank 0.
  std::optional<Failure> take_trouble();
  void commit(const RunArrays& arrays);
  /// The number of the next commit within a wave.
  std::uint32_t next_commit() { return ++commits_; }
  /// Nothing follows but the destructor, with which the claim to the folder ends.
  void finish(const RunArrays& arrays, bool complete);

 private:
  bool usable() const { return store_ && !broken_; }
  bool claim_folder(const Communicator& comm);
  void take_reused(ReusePlan& reuse, const RunDescription& begun);
  void find_folder(const Communicator& comm);
  void note_trouble();
  void use(std::unique_ptr<RunStore> store);
  void tell_kept_storage() const;
  const OutputLayout& layout_of(std::size_t output) const { return store_->outputs()[positions_[output]]; }
  std::vector<const PartialArray*> in_store_order(const RunArrays& arrays) const;
  bool may_be_completed() const;

  const RunSetup& setup_;
  std::optional<int> rank_;             ///< in the job, where there are others
  RunDescription description_;          ///< rank 0: of this start
  std::optional<RunFolder> folder_;     ///< rank 0
  std::optional<HeldFolder> held_;      ///< other ranks
  std::vector<std::size_t> positions_;  ///< by output of the plan: where the store has it
  std::unique_ptr<RunStore> store_;
  std::optional<StoreSink> sink_;
  std::vector<NotKept> not_kept_;  ///< rank 0, by output of the store, where the run goes on
  std::vector<std::string> reuse_notes_;
  std::vector<bool> resolved_;  ///< by output: the store knows the shape
  /// What went wrong in a local call, with the rank and its host. Other ranks than 0 tell rank 0, and all learn
  /// of it when they meet next.
  std::optional<Failure> trouble_;
  bool told_ = false;
  bool broken_ = false;  ///< a collective call failed on all ranks: the store takes no further ones
  std::uint32_t commits_ = 0;
};

}  // namespace mpipe
