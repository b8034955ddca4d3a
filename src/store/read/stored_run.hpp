// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A run folder opened for reading: what `RunReader` and `verify_run_store` look at.
#pragma once

#include "store/output/element_files.hpp"
#include "store/output/run_files.hpp"
#include "store/output/variable_source.hpp"

namespace mpipe {

/// As it was when this was made. Not movable: parts refer to one another.
class StoredRun {
 public:
  /// Throws `Error` (storage_failed) when there are no results, or they cannot be read.
  explicit StoredRun(const fs::path& folder);
  StoredRun(const StoredRun&) = delete;
  StoredRun& operator=(const StoredRun&) = delete;

  const fs::path& folder() const { return folder_; }
  /// With the values of inputs, and the shapes that were found.
  const RunLayout& layout() const { return layout_; }
  RunFiles& files() { return files_; }
  const ElementFiles& elements() const { return elements_; }
  const JournalIndex& journals() const { return *journals_; }
  /// By marks and journals.
  const std::vector<OutputProgress>& progress() const { return progress_; }
  /// What the marks of results.h5 and segments say.
  const std::vector<OutputProgress>& marked() const { return marked_; }
  bool complete() const;

  Value read(std::size_t output, IndexRange elements, std::uint64_t max_bytes);

 private:
  void read_marks();
  void add_journals();
  void read_inputs();
  Value read_fixed(std::size_t output, IndexRange elements);
  VariableSource& source(std::size_t output);
  void read_parts(std::size_t output, IndexRange elements, const VariableSource::Visit& visit);

  fs::path folder_;
  RunLayout layout_;
  std::optional<JournalIndex> journals_;
  RunFiles files_;
  ElementFiles elements_;
  std::vector<OutputProgress> marked_;
  std::vector<OutputProgress> progress_;
  std::map<std::size_t, VariableSource>
      sources_;  ///< read once, as reading a part costs as much as reading all
};

}  // namespace mpipe
