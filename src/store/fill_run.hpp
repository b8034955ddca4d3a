// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Puts elements that were computed elsewhere into a run, by the store of that run: what is copied is as safe as what is
/// computed.
#pragma once

#include "store/api/run_store.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace mpipe {

/// Values that are in memory at a time. Not less: where values of an element do not lie behind one another, as the
/// function's own axis comes first, a file is read and written in as many pieces for a few elements as for many.
inline constexpr std::size_t kMostInMemory = std::size_t{256} << 20;
/// Elements that are brought at a time where nobody knows how large they are.
inline constexpr Index kStepElements = 1024;

/// An array for elements of an output of the run in `folder`, on their way from one run to another. Throws `Error`
/// (storage_failed) where the shape is not known.
PartialArray array_of(const OutputLayout& layout, const fs::path& folder);

/// How many elements of `array` are brought at a time.
Index step_of(const PartialArray& array);

/// A run that one process fills. Local: its store is that of this process alone.
class RunFiller {
 public:
  explicit RunFiller(std::unique_ptr<RunStore> store);

  RunStore& store() { return *store_; }
  /// Position of an output in the store. Precondition: it is there.
  std::size_t position(const std::string& output) const { return positions_.at(output); }
  /// Where elements of an output are put before they are appended. What was committed has left it. `like`: the output,
  /// with its shape, in the run `folder`.
  PartialArray& array(std::size_t output, const OutputLayout& like, const fs::path& folder);
  /// Stores these elements of `array(output)`. When it returns the array may be gone.
  void append(std::size_t output, IndexRange range);
  void commit();
  /// Nothing follows but the destructor.
  void finish(bool complete) { store_->finish(pointers(), complete); }

 private:
  std::vector<const PartialArray*> pointers() const;

  std::unique_ptr<RunStore> store_;
  std::map<std::string, std::size_t> positions_;
  std::vector<std::optional<PartialArray>> arrays_;  ///< by position: what no commit has seen yet
  std::size_t in_memory_ = 0;
};

}  // namespace mpipe
