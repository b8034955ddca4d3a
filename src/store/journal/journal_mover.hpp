// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Moves what is in journals to its place in the files, by independent writes of one process: for those who
/// follow a running job, after a crash, and where there is one rank only.
#pragma once

#include "store/commit/commit_plan.hpp"
#include "store/journal/journal.hpp"
#include "store/output/run_files.hpp"

#include <limits>

namespace mpipe {

/// True when elements of `output` can have the shape `internal`, as far as it is known.
bool fits_shape(const Shape& internal, const OutputLayout& output);
/// True when a frame is what `output` can hold. Journals are not trusted.
bool fits(const JournalFrame& frame, const OutputLayout& output);

class JournalMover {
 public:
  /// `layout` and `files` must outlive this.
  JournalMover(const RunLayout& layout, RunFiles& files, bool read_back);

  /// Of this output only.
  void only(std::size_t output) { only_ = output; }
  /// Values of this output are moved by somebody else.
  void leave_out(std::size_t output) { left_out_[output] = true; }
  /// Whether other ranks move values of the same outputs at the same time; if not told, they keep away.
  void beside(ValueAccess::Others others) { others_ = others; }
  /// Elements that need no move, by output: skipped.
  void skip(const std::vector<ElementStates>& known) { known_ = &known; }
  /// Values only.
  void ignore_marks() { marks_too_ = false; }

  /// Takes whole frames from here on, at most so many; values of outputs that have no place are left there.
  /// Returns whether that was the end of the journal.
  bool take(JournalReader& reader, std::size_t most = std::numeric_limits<std::size_t>::max());
  /// Writes values, then their extents, then the marks. Returns what it was.
  CommitDelta finish(ExtentWriter& extents);

 private:
  struct Taken {
    std::size_t output;
    IndexRange range;
    std::size_t at;  ///< in `arena_`
    std::size_t size;
  };
  void take_values(const JournalFrame& frame);
  void take_marks(const JournalFrame& frame);
  void write_taken();
  void write_joined(std::span<const Taken> joined);

  const RunLayout& layout_;
  RunFiles& files_;
  bool read_back_;
  std::optional<std::size_t> only_;
  const std::vector<ElementStates>* known_ = nullptr;
  bool marks_too_ = true;
  std::vector<bool> left_out_;  ///< by output
  ValueAccess::Others others_ = ValueAccess::Others::keep_away;
  std::vector<std::byte> arena_;
  std::vector<Taken> taken_;
  std::vector<std::byte> joined_;
  std::vector<Extent> extents_;
  CommitDelta delta_;
};

/// Writes the marks for what `delta` says: `done` for `placed`, then failed and blocked.
void write_marks(RunFiles& files, std::size_t output, const OutputDelta& delta);
/// The extents of marks.
void add_mark_extents(std::size_t output, const OutputDelta& delta, std::vector<Extent>& extents);

}  // namespace mpipe
