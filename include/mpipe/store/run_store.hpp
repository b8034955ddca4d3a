// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Where the elements of a run's outputs are kept beyond the life of the processes.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/index.hpp>
#include <mpipe/data/partial_array.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace mpipe {

/// One output as it appears in the file. Elements are numbered over the external axes, C order.
struct OutputLayout {
  std::string name;
  const ElementType* type = nullptr;  ///< of the values in the array (`array<T>`: an array per element)
  std::string mapspec;                ///< canonical text, empty for a single value
  std::vector<std::string> dims;      ///< axis names in mapspec order (internal axes included); `NAME_dim0`.. where unnamed
  std::vector<bool> external;         ///< per dim: true = elements are numbered over it, false = inside each element
  PartialShape shape;                 ///< per dim; unknown extents come with `resolve`
  bool durable = true;                ///< true: journalled before it is reported done; false (`memory`): persisted at commits only
  RangeSet selected;                  ///< what this run will compute (all, unless a selection); to reserve only that
};

/// An input that is a variable on one axis, or a scalar (dims empty).
struct InputLayout {
  std::string name;
  std::vector<std::string> dims;
  Value value;
};

struct RunLayout {
  std::string run_id;  ///< random, written into every file of the run; files of another run are refused
  std::vector<OutputLayout> outputs;
  std::vector<InputLayout> inputs;
};

struct StoreOptions {
  std::chrono::milliseconds local_commit_interval{30'000};
  std::uint64_t journal_limit_bytes = std::uint64_t{256} << 20;  ///< per rank; above it `wants_commit()`
  bool read_back = true;
};

/// The persistent store of one run, on each of its ranks. Outputs are addressed by their position in `RunLayout`.
/// One thread per rank uses it.
class RunStore {
 public:
  virtual ~RunStore() = default;

  /// Collective. What of every output is safely stored already (after a resume), the same on every rank.
  virtual const std::vector<RangeSet>& stored() const = 0;
  /// Collective. Reads stored elements into `array` (on every rank) and marks them there.
  virtual void load(std::size_t output, const RangeSet& wanted, PartialArray& array) = 0;

  /// Collective. The shape of an output became known.
  virtual void resolve(std::size_t output, const Shape& shape) = 0;

  /// Local. On return these elements of `array` survive the death of this process (durable outputs).
  virtual void append(std::size_t output, IndexRange range, const PartialArray& array) = 0;
  /// Bytes in this rank's journal that no commit has dropped yet.
  virtual std::uint64_t journal_bytes() const = 0;

  /// Collective over the run: everything appended so far (`arrays`: by output; nullptr for outputs that did not start)
  /// moves into the file: data, read-back, checksums, then the marks; then the journals are emptied.
  virtual void commit(std::span<const PartialArray* const> arrays) = 0;

  /// Collective. The complete file is in place on return when `complete`; otherwise (stopped run) all that is known is
  /// safely in file or journals. No further calls.
  virtual void finish(std::span<const PartialArray* const> arrays, bool complete) = 0;
};

/// Collective. Creates the files of a new run in `folder` (which exists, is empty or prepared by the caller): layout,
/// reservation of disk space, sync, rename; then opens them. Throws `Error` (storage_failed) on all ranks alike.
std::unique_ptr<RunStore> create_run_store(const Communicator& comm, const std::filesystem::path& folder, const RunLayout& layout,
                                           const StoreOptions& options);
/// Collective. Opens the files of an earlier start of the same run, replays journals, trusts only checksummed extents.
std::unique_ptr<RunStore> resume_run_store(const Communicator& comm, const std::filesystem::path& folder, const RunLayout& layout,
                                           const StoreOptions& options);

}  // namespace mpipe
