// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One output of a run in its storage. To add a storage, implement `OutputStore` and choose it in
/// `make_output` (output_store.cpp); what all outputs have in common (journals, commits, marks, the description) is not its
/// business.
#pragma once

#include "data/api/partial_array.hpp"
#include "store/commit/commit_plan.hpp"
#include "store/journal/journal_index.hpp"
#include "store/journal/rank_logs.hpp"
#include "store/output/element_files.hpp"
#include "store/output/run_files.hpp"

#include <memory>

namespace mpipe {

struct EncodedValues;

/// What the outputs of a run share in one process. Not movable: parts refer to one another.
struct SharedFiles {
  /// `layout` must outlive this, and may learn shapes meanwhile. `results` stands for results.h5.
  SharedFiles(const fs::path& run_folder, const fs::path& results_file, const RunLayout& run_layout,
              const StoreOptions& store_options, bool may_write)
      : folder(run_folder),
        results(results_file),
        layout(run_layout),
        options(store_options),
        key(run_key(layout.run_id)),
        files(folder, results, layout, may_write),
        elements(folder, layout) {}
  SharedFiles(const SharedFiles&) = delete;
  SharedFiles& operator=(const SharedFiles&) = delete;

  fs::path folder;
  fs::path results;
  const RunLayout& layout;
  StoreOptions options;
  RunKey key;
  RunFiles files;         ///< datasets: values and marks
  ElementFiles elements;  ///< files of single elements
};

/// What this rank did for one output since the last commit.
struct UncommittedElements {
  /// Elements in this rank's journals that no commit has moved to the location of the output yet. A commit
  /// that could not move them leaves them here.
  RangeSet unmoved;
  RangeSet retained;  ///< in the retained journal
  RangeSet placed;    ///< at their location, written by this rank
  RangeSet failed;
  RangeSet blocked;
};

/// Takes the elements that an output store reads, in order.
class ElementSink {
 public:
  virtual ~ElementSink() = default;
  /// The shape of the elements that come next, where only their storage tells it.
  virtual void set_internal(const Shape&) {}
  /// Where the values of these elements, of a type of fixed size, are to be written.
  virtual std::byte* room(IndexRange elements) = 0;
  /// What was asked for by `room` has been written.
  virtual void filled(IndexRange) {}
  /// Values that vary in size; `offsets` (one more than values) may begin anywhere in `bytes`.
  virtual void put(IndexRange elements, std::span<const std::byte> bytes,
                   std::span<const std::uint64_t> offsets) = 0;

  /// Elements of either kind: those of fixed size come without offsets.
  void take(IndexRange elements, std::span<const std::byte> bytes, std::span<const std::uint64_t> offsets);
};

/// What verification found out about an output by what all outputs have in common.
struct OutputEvidence {
  const ElementStates& marked;   ///< by the marks in results.h5 or a segment
  const ElementStates& known;    ///< by marks and journals
  const ElementStates& trusted;  ///< by extents whose bytes still match
  bool complete = false;         ///< the run has ended
};
using ReportFault = std::function<void(std::string)>;
/// Gives the retained journals of the run; they are read when this is called first.
using JournalSource = std::function<JournalIndex&()>;

class OutputStore {
 public:
  OutputStore(SharedFiles& shared, std::size_t output) : shared_(shared), output_(output) {}
  virtual ~OutputStore() = default;
  OutputStore(const OutputStore&) = delete;
  OutputStore& operator=(const OutputStore&) = delete;

  /// Where commits write: marks, and the values unless these are kept elsewhere. Null: there is no such
  /// dataset (yet), and what is done stays in the retained journal.
  const DatasetLocation* location() const { return shared_.files.location(output_); }
  /// The values of an element do not lie behind one another there.
  bool is_in_panels() const { return location() != nullptr && !location()->order.in_file_order(); }
  UncommittedElements& uncommitted() { return uncommitted_; }

  // While the run goes on, on one rank.

  /// On return these elements of `array` survive the death of this process.
  virtual void append(IndexRange elements, const PartialArray& array, RankLogs& logs) = 0;
  /// What this rank brings to a commit. `here`: elements that are in `array` now; `done`: elements that no
  /// commit needs to see again. What a commit could not move from memory is moved from journals here.
  virtual void collect(const PartialArray* array, const RangeSet& here, const RangeSet& done, RankLogs& logs,
                       OutputDelta& delta) = 0;
  /// By one process, when the output got its location: moves there what earlier starts of the run left in
  /// retained journals, of the elements `done`. Returns what it moved.
  virtual RangeSet move_earlier(const RangeSet& done, RankLogs& logs) = 0;

  // Reading.

  /// Gives `sink` those of `elements` that are there. `in_files`: elements that are in results.h5 or a
  /// segment; the values of others are in retained journals, where the storage has any use for journals.
  virtual void read(const RangeSet& elements, const RangeSet& in_files, const JournalSource& journals,
                    ElementSink& sink) = 0;
  /// The texts of a box of the axes, in C order, where they can be read from results.h5 without all others. They
  /// must all be done, and there.
  virtual std::optional<EncodedValues> read_texts(const IndexBox& /*box*/);
  /// Forgets what `read` keeps in memory for its next call.
  virtual void forget() {}
  /// What the marks in results.h5 or a segment say.
  virtual ElementStates read_marks();
  /// Those of `elements`, which journals tell of, that are there still.
  virtual RangeSet existing(const RangeSet& elements) const { return elements; }

  // A later start, verification, the end of the run.

  /// Whether an extent of elements that are done is true of the bytes that are there now.
  virtual bool holds(const Extent& extent) = 0;
  /// This rank's part of the elements that are done; the parts of all ranks together are all of them.
  /// `known`: done by extents that hold, and by journals that were moved.
  virtual RangeSet recover(const RangeSet& known, const JournalIndex& retained, int rank, int ranks);
  /// Reports what of the stored output breaks a promise.
  virtual void verify(const OutputEvidence& evidence, const ReportFault& fault);
  /// Whether the output is where it belongs when the run ends; otherwise results.h5 is written anew.
  virtual bool complete_in_place() const;
  /// Adds the output to a new results.h5, unless there are datasets in it already that it is copied to.
  virtual void finish(LabelledFile&, const ElementStates&, const RangeSet& /*in_files*/, const JournalSource&,
                      std::vector<Extent>&) {}

 protected:
  const OutputLayout& layout() const { return shared_.layout.outputs[output_]; }
  /// The frame of elements in a journal, with their values.
  void append_values(JournalWriter& journal, IndexRange elements, const PartialArray& array) const;
  /// The frame of elements whose values are kept elsewhere.
  void append_done(JournalWriter& journal, IndexRange elements, const PartialArray& array) const;
  void check_marks(const ReportFault& fault) const;

  SharedFiles& shared_;
  std::size_t output_;
  UncommittedElements uncommitted_;
};

/// Values of fixed size in datasets: of a shape that is known, with room reserved from the start.
std::unique_ptr<OutputStore> make_dataset_output(SharedFiles& shared, std::size_t output);
/// Values in retained journals until the end: those that vary in size, or whose shape is not known yet.
std::unique_ptr<OutputStore> make_retained_output(SharedFiles& shared, std::size_t output);
/// A file per element; results.h5 has the marks.
std::unique_ptr<OutputStore> make_element_files_output(SharedFiles& shared, std::size_t output);

/// All outputs of a run in one process.
class RunOutputs {
 public:
  RunOutputs(const fs::path& folder, const RunLayout& layout, const StoreOptions& options, bool may_write)
      : RunOutputs(folder, results_path(folder), layout, options, may_write) {}
  RunOutputs(const fs::path& folder, const fs::path& results, const RunLayout& layout,
             const StoreOptions& options, bool may_write);

  /// Tells where datasets are: outputs may change their storage, and keep what was not committed.
  void locate(FileTable table);
  /// The same of one output, which has had no dataset.
  void locate(std::size_t output, FileTable::Entry entry);
  std::size_t size() const { return outputs_.size(); }
  OutputStore& operator[](std::size_t output) const { return *outputs_[output]; }
  RunFiles& files() { return shared_->files; }
  ElementFiles& elements() { return shared_->elements; }

 private:
  std::unique_ptr<SharedFiles> shared_;
  std::vector<std::unique_ptr<OutputStore>> outputs_;
};

/// "element 7 (the first of 12)", for messages. Precondition: not empty.
std::string first_of(const RangeSet& elements);

}  // namespace mpipe
