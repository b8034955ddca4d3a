// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A run folder opened for reading: what `RunReader` and `verify_run_store` look at.
#pragma once

#include "store/output/output_store.hpp"

namespace mpipe {

/// An element of an output with a file per element, as it was read last.
struct KeptElement {
  std::optional<std::size_t> output;
  Index element = 0;
  std::vector<std::byte> bytes;
};

/// As it was when this was made. Not movable: parts refer to one another.
class OpenedRun {
 public:
  /// Throws as `RunReader`.
  explicit OpenedRun(const fs::path& folder);
  OpenedRun(const OpenedRun&) = delete;
  OpenedRun& operator=(const OpenedRun&) = delete;

  const fs::path& folder() const { return folder_; }
  /// With the values of inputs, and the shapes that were found.
  const RunLayout& layout() const { return layout_; }
  /// What is wrong with run.json or its copy, of which the other one was read; or empty.
  const std::string& description_damage() const { return damage_; }
  const RunOutputs& outputs() const { return outputs_; }
  const JournalIndex& journals() const { return *journals_; }
  /// By marks and journals.
  const std::vector<ElementStates>& progress() const { return progress_; }
  /// What the marks of results.h5 and segments say.
  const std::vector<ElementStates>& marked() const { return marked_; }
  bool complete() const;

  Value read(std::size_t output, IndexRange elements);
  /// The values of a box, and the states of their elements, as `RunReader` gives them. Precondition: the shape is
  /// known, and the box lies within it. Throws `Error` (too_large).
  Value read_box(std::size_t output, const IndexBox& box, std::uint64_t max_bytes);
  std::vector<ElementStatus> states(std::size_t output, const IndexBox& box) const;
  /// Brings elements that are done into `array`; throws as `load_elements`.
  void load(std::size_t output, const RangeSet& elements, PartialArray& array);

 private:
  void add_journals();
  void read_inputs();
  Value read_fixed_box(std::size_t output, const IndexBox& box);
  void read_own_files(std::size_t output, RangeSet elements, ElementSink& sink);
  void read_elements(std::size_t output, const RangeSet& elements, ElementSink& sink);

  fs::path folder_;
  std::string damage_;
  RunLayout layout_;
  std::optional<JournalIndex> journals_;
  RunOutputs outputs_;
  std::vector<ElementStates> marked_;
  std::vector<ElementStates> progress_;
  KeptElement kept_;
};

}  // namespace mpipe
