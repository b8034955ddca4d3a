// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Reading what a run left in its folder, or has in it so far: without MPI, without the program that made it,
/// and without disturbing a run that goes on.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/core/shape.hpp>
#include <mpipe/data/array_layout.hpp>
#include <mpipe/data/element_states.hpp>
#include <mpipe/data/value.hpp>
#include <mpipe/options/choices.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// One output as it appears in the file.
struct OutputLayout : ArrayLayout {
  std::string name;
  std::string mapspec;  ///< canonical text, empty for a single value
  StorageKind storage = StorageKind::hdf5;
  /// What this start will compute, when that is less than everything; room is reserved for it only.
  std::optional<RangeSet> selected;
  std::string units;      ///< attribute of the file, when not empty
  std::string long_name;  ///< attribute of the file, when not empty

  /// Safe before it is reported done.
  bool durable() const { return storage != StorageKind::memory; }
  /// Values are in a file per element.
  bool in_own_files() const { return storage == StorageKind::file; }
};

/// An input that is kept as a variable: 1-D on an axis, or a scalar (dims empty), or with as many axes as you
/// like.
struct InputLayout {
  std::string name;
  std::vector<std::string> dims;
  Value value;  ///< a number or text, or an array of such
  std::string units;
  std::string long_name;
  std::string digest = {};  ///< as run.json has it, of an input that is read
};

struct RunLayout {
  std::string run_id;  ///< random, written into every file of the run; files of another run are refused
  std::vector<OutputLayout> outputs;
  std::vector<InputLayout> inputs;
};

/// The stored results of one run, as they were when this was constructed; construct another one to see news
/// of a running job. Looks into results.h5, into the files of outputs whose shape came late, into those of
/// elements, and into the journals. Nothing is written, locked or repaired. Marks are believed; whether bytes
/// match their checksums is the matter of `verify_run_store`.
///
/// Not thread-safe. Types that are classes of the program that made the run keep their name; their values
/// stay bytes.
class RunReader {
 public:
  /// Throws `Error` (folder_refused) when no run is there, or one of another version of the format,
  /// (storage_failed) when it cannot be read.
  explicit RunReader(const std::filesystem::path& folder);
  RunReader(RunReader&&) noexcept;
  RunReader& operator=(RunReader&&) noexcept;
  ~RunReader();

  const std::string& run_id() const;
  /// The run ended with all that it had to do: everything is in results.h5, and there are no journals.
  bool complete() const;

  /// In the order of the run. Shapes hold what became known since; `selected` is not kept. `type` is never
  /// null.
  const std::vector<OutputLayout>& outputs() const;
  /// Position in `outputs()`.
  std::optional<std::size_t> find(std::string_view name) const;
  /// What is known of the elements of an output; everything else is pending.
  const ElementStates& progress(std::size_t output) const;
  /// Number of elements; nothing while an external extent is not known.
  std::optional<Index> element_total(std::size_t output) const;
  /// The external extents, over which elements are numbered in C order. Precondition:
  /// `element_total(output)`.
  Shape external_shape(std::size_t output) const;

  /// The inputs that are kept as variables: names, axes, values.
  const std::vector<InputLayout>& inputs() const;

  /// Some elements in order: a value of shape (elements.size(), internal extents ..). Those that are not done
  /// (see `progress`) are not-a-number, zero, empty text or no bytes. Asks for no more memory than these
  /// elements take (journals: one frame at a time besides). Types that vary in size of a complete run: the
  /// whole output passes through memory (but for `StorageKind::file`, where each element has its own
  /// checksum, which is compared). Throws `Error` (storage_failed) when the shape of the elements is not
  /// known or the file is damaged.
  Value read(std::size_t output, IndexRange elements);
  /// The values of a box of the axes, which are as the mapspec has them: of shape `box.shape()`; elements that are
  /// not done as above. Of numbers and texts in results.h5 it asks for no more memory than the box takes; of others
  /// an element, a frame of a journal, or all arrays are read. Throws `Error` (storage_failed) when the shape is not
  /// known or the file is damaged, (index_out_of_bounds) when the box does not lie within the shape.
  Value read_box(std::size_t output, const IndexBox& box);
  /// What is known of the element of each value of such a box, in C order. Throws as above.
  std::vector<ElementStatus> states(std::size_t output, const IndexBox& box) const;
  /// All elements, with the axes as the mapspec has them: of shape `outputs()[output].shape`. Throws `Error`
  /// (too_large) when that takes more than `max_bytes`.
  Value read_all(std::size_t output, std::uint64_t max_bytes = std::uint64_t{1} << 32);

 private:
  /// Throws `Error` (storage_failed) when its shape is not known.
  const OutputLayout& with_shape(std::size_t output) const;
  void check_box(std::size_t output, const IndexBox& box) const;

  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Checks every promise about the stored results of a run, byte for byte: the files open and are laid out as
/// run.json says, marks are legal, every element that is done has values that match a checksum, what is
/// pending does not look like a result, and a complete run has left no journals, segments or temporary files.
/// Returns what is wrong, a sentence each; empty when all is well. A run that is going on, or was killed, may
/// have journals; what was being written at that moment is not a fault. Reads everything once.
std::vector<std::string> verify_run_store(const std::filesystem::path& folder);

}  // namespace mpipe
