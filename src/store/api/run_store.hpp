// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Where the elements of a run's outputs are kept beyond the life of the processes: one labelled HDF5 file,
/// files of single elements where that is asked for, journals while the run goes on, and checksums of all
/// that is in them. What the files look like is in docs/formats.md.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/clock.hpp>
#include <mpipe/core/index.hpp>
#include <mpipe/data/element_states.hpp>
#include <mpipe/options/choices.hpp>
#include <mpipe/store/run_reader.hpp>

#include "data/api/partial_array.hpp"
#include "store/api/run_description.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

struct StoreOptions {
  /// How often `maintain` moves what is in journals into the file; zero: at each call.
  std::chrono::milliseconds local_commit_interval{30'000};
  /// How often `maintain` has the disk take what was written, so that a power failure loses no more; zero:
  /// never.
  std::chrono::milliseconds sync_interval{1'000};
  std::uint64_t journal_limit_bytes = std::uint64_t{256} << 20;  ///< per rank; above it `wants_commit()`
  /// Blocks of at least so many bytes are written straight to their place by the ranks that hold the file
  /// open.
  std::uint64_t direct_write_bytes = std::uint64_t{64} << 10;
  std::uint64_t round_bytes = std::uint64_t{4} << 20;  ///< that a writer receives at a time in a commit
  int writers_per_node = 2;
  bool read_back = true;  ///< every stretch written is read again and compared before it counts
  bool sync = true;  ///< commits wait for the disk before journals are emptied; without: safe from kill -9,
                     ///< not from power loss
  bool keep_failed = true;  ///< resume: failed and blocked elements stay so; otherwise they are pending again
  bool note_losses =
      false;  ///< resume: find out what of earlier starts is not kept, which reads all journals once more
  /// Resume: called on rank 0 once it is certain that the run goes on, and before anything in the folder changes, with
  /// the names of the outputs of which what is stored will be forgotten.
  std::function<void(const std::vector<std::string>& forgotten)> before_change = {};
};

/// What a resume found of one output that it does not keep.
struct NotKept {
  RangeSet damaged;      ///< stored by an earlier start, with bytes that do not match their checksum by now
  RangeSet retried;      ///< marked as failed or blocked, and pending again
  bool dropped = false;  ///< all of it, to be computed anew
};

/// Where the values of an output lie behind one another, in the order and with the bytes of memory.
struct ValuesInFile {
  std::filesystem::path file;
  std::uint64_t offset = 0;  ///< of the first value, in bytes; a multiple of the size of a page
  /// The elements of which the values are there; until the next collective call of the store.
  const RangeSet* elements = nullptr;
};

/// The persistent store of one run, on each of its ranks. Outputs are addressed by their position in
/// `outputs()`. One thread per rank uses it: the one that uses the communicator.
///
/// Collective calls throw the same `Error` on all ranks; after one of them the store takes no further calls
/// but its destructor, and what was safe stays so. Destruction is local and never waits.
class RunStore {
 public:
  virtual ~RunStore() = default;

  /// Local. What of every output was safely kept, or given up, when the last collective call returned; the
  /// same on every rank. After a resume: what need not be computed again.
  virtual const std::vector<ElementStates>& progress() const = 0;
  /// Local. The `done()` of each of `progress()`.
  virtual const std::vector<RangeSet>& stored() const = 0;
  /// Local. All outputs of the run, in the order of their positions: those of earlier starts come first, in
  /// their order. Shapes are known as far as they were planned, resolved, or found on resume.
  virtual const std::vector<OutputLayout>& outputs() const = 0;

  /// Local. Where the values of an output are; nothing where they lie otherwise.
  virtual std::optional<ValuesInFile> values_in_file(std::size_t output) = 0;

  /// Collective. Reads elements that are done according to `progress()` into `array` and marks them there. Each
  /// rank wants what it likes.
  virtual void load(std::size_t output, const RangeSet& wanted, PartialArray& array) = 0;

  /// Collective. The shapes of outputs became known (again: nothing happens). Throws `Error`
  /// (internal_shape_mismatch) when one contradicts what is known. Those of many outputs cost little more than
  /// one when they are told together.
  virtual void resolve(const std::map<std::size_t, Shape>& shapes) = 0;

  /// Local. On return these elements of `array` survive the death of this process (durable outputs; of others
  /// nothing happens). `array` keeps them until the next `commit`. Of `StorageKind::file`: a file of each
  /// element, which is final. Throws `Error` (storage_failed) with nothing half-done.
  virtual void append(std::size_t output, IndexRange range, const PartialArray& array) = 0;
  /// Local. These elements will not come: they failed, or are blocked. As safe as `append`, also of outputs
  /// that are not durable. An element that is done later is done.
  virtual void mark(std::size_t output, IndexRange range, ElementStatus status) = 0;

  /// Local. To be called now and then between blocks: when due, moves what this node finished into the file,
  /// so that it can be followed while the run goes on, and has the disk take what was written. Costs nothing
  /// when nothing is due.
  virtual void maintain(TimePoint now) = 0;
  /// Local. The same at once, whether due or not; for an end that cannot wait for other ranks.
  virtual void flush() = 0;

  /// Local. Bytes in this rank's journal that no commit has dropped yet.
  virtual std::uint64_t journal_bytes() const = 0;
  /// Local. The journal is long enough for a `commit` at the next occasion.
  virtual bool wants_commit() const = 0;

  /// Collective over the run: everything appended so far, and what is new in outputs that are not durable
  /// (`arrays`: by output; nullptr for outputs that did not start) moves into the file: data, read-back,
  /// checksums, then the marks; then the journals are emptied. Outputs whose values vary in size stay in
  /// journals until `finish`.
  virtual void commit(std::span<const PartialArray* const> arrays) = 0;

  /// Collective. The complete file is in place on return when `complete`; otherwise (stopped run) all that is
  /// known is safely in file or journals. No further calls.
  virtual void finish(std::span<const PartialArray* const> arrays, bool complete) = 0;
};

/// Collective. Creates the files of a new run in `folder` (which exists, is empty or prepared by the caller):
/// layout, reservation of disk space, sync, rename, then run.json; then opens them. `run` is that of rank 0,
/// whatever the others bring; types of outputs must be known to all. Throws `Error` (storage_failed; bad_identifier when
/// names of outputs and of what is kept beside them collide) on all ranks alike, and leaves nothing behind.
std::unique_ptr<RunStore> create_run_store(const Communicator& comm, const std::filesystem::path& folder,
                                           const RunDescription& run, const StoreOptions& options);
/// Collective. Opens the files of an earlier start of the same run, on any number of ranks, and makes what is
/// missing. Only what matches its checksum is trusted; journals are replayed; all else is pending again. The
/// run goes on as `grow` says, and what is stored of the outputs `redo` and of all that needs them is
/// forgotten. Throws `Error` (resume_mismatch) when the run is another one, with nothing changed, `Error`
/// (storage_failed) when the files cannot be read. `not_kept`: on rank 0, by output of the store.
std::unique_ptr<RunStore> resume_run_store(const Communicator& comm, const std::filesystem::path& folder,
                                           const RunDescription& run, const StoreOptions& options,
                                           const std::vector<std::string>& redo = {},
                                           std::vector<NotKept>* not_kept = nullptr);

}  // namespace mpipe
