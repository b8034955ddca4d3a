// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Outputs that are kept as one file per element (docs/formats.md): what numpy can load, followed by a
/// trailer with which each file can be trusted by itself.
#pragma once

#include "base/api/file.hpp"
#include "store/api/run_store.hpp"
#include "store/checksum.hpp"

#include <functional>
#include <set>

namespace mpipe {

/// An element as its file has it.
struct StoredElement {
  Shape internal;                      ///< shape of the element
  std::vector<std::uint64_t> offsets;  ///< of values that vary in size: one more than values, from 0
  std::vector<std::byte> bytes;
};

/// The files of all elements of a run. They are not trusted: every length is checked against the size of the
/// file and what the output can hold before anything is allocated. Symbolic links are never followed, and
/// names of files come from names of outputs and numbers of elements only.
class ElementFiles {
 public:
  /// `layout` must outlive this; it may learn shapes meanwhile.
  ElementFiles(fs::path folder, const RunLayout& layout);

  /// On return these elements of `array` survive the death of this process, whole: each appears by a rename.
  void write(std::size_t output, IndexRange elements, const PartialArray& array);
  /// Has the disk take what was written since the last time.
  void sync();

  /// Returns nullopt when there is no such file, or it is not what this run wrote for this element.
  std::optional<StoredElement> read(std::size_t output, Index element) const;
  /// Calls `visit` for each element in order. Throws `Error` (storage_failed) when one cannot be read.
  using Visit = std::function<void(IndexRange, const StoredElement&)>;
  void read(std::size_t output, const RangeSet& elements, const Visit& visit) const;
  /// The elements of `elements` that have a file, whatever is in it.
  RangeSet existing(std::size_t output, const RangeSet& elements) const;
  /// The shape of the first element that can be read.
  std::optional<Shape> find_internal(std::size_t output) const;

  /// Reads the files of every `ranks`-th element, from `rank` on, and returns those that can be trusted. The
  /// others of them are removed, and what a process left half-written.
  RangeSet keep_trusted(std::size_t output, Index rank, Index ranks);
  /// Files of elements that are not in `wanted`, or half-written.
  std::vector<fs::path> leftovers(std::size_t output, const RangeSet& wanted) const;

 private:
  fs::path path_of(std::size_t output, Index element) const;
  void write_one(std::size_t output, Index element, const PartialArray& array);
  void make_folders(std::size_t output, Index element);

  fs::path folder_;
  const RunLayout& layout_;
  RunKey key_;
  std::set<fs::path> made_;         ///< folders of elements, by this process
  std::set<fs::path> new_folders_;  ///< that the disk need not have yet, with those above
  std::vector<RangeSet> unsynced_;  ///< by output
};

/// Gives outputs the extents that their elements in files have.
void adopt_internal_shapes(const ElementFiles& elements, RunLayout& layout);

/// Removes the files of elements of all outputs, and the folders when nothing else is in them.
void remove_element_files(const fs::path& folder);
/// Those of one output.
void remove_element_files(const fs::path& folder, const std::string& output);

}  // namespace mpipe
