// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Journals: what a rank finished, safe before it is reported done. A file per rank and kind, written by that
/// rank only: a header, then frames (docs/formats.md). One call of the system writes a frame, and a reader
/// passes over what is not whole to the next frame that is.
///
/// A journal is emptied by a new *epoch* in its header: frames carry the epoch that they were written in, so
/// that the old ones end to count at once, and their pages are written over instead of being given back and
/// asked for anew.
#pragma once

#include <mpipe/core/shape.hpp>

#include "base/api/file.hpp"
#include "store/api/run_store.hpp"
#include "store/checksum.hpp"
#include "store/log_damage.hpp"

#include <optional>
#include <span>
#include <vector>

namespace mpipe {

enum class FrameContents : std::uint32_t {
  values = 1,  ///< of a block of elements
  marks = 2,   ///< elements that failed or are blocked
};

/// A frame as it is written, or was read: then the spans are valid until the next call of the reader.
struct JournalFrame {
  FrameContents contents = FrameContents::values;
  std::size_t output = 0;
  IndexRange range;                            ///< elements
  ElementStatus status = ElementStatus::done;  ///< of marks
  Shape internal;                              ///< shape of each element
  std::span<const std::uint64_t> offsets;      ///< of values that vary in size: one more than values, from 0
  std::span<const std::byte> bytes;
  std::uint64_t position = 0;  ///< in its journal, of a frame that was read
};

class JournalWriter {
 public:
  /// Makes the file, or empties one that is there.
  JournalWriter(const fs::path& path, const RunKey& key, int rank);

  /// On return the frame survives the death of this process. Throws `Error` (storage_failed); the journal
  /// then ends before the frame, and may be used on.
  void append(const JournalFrame& frame);
  /// Forgets all frames.
  void restart();
  /// Bytes of the frames.
  std::uint64_t bytes() const { return end_ - begin_; }
  /// Has the disk take what was written since the last time, if anything was.
  void sync();

 private:
  void write_header();

  File file_;
  RunKey key_;
  std::uint32_t rank_;
  std::uint64_t epoch_ = 1;
  std::uint64_t begin_;
  std::uint64_t end_;
  bool dirty_ = true;
  bool torn_ = false;  ///< a frame could not be written, and some of it may be there
  std::vector<std::byte> head_;
};

/// Reads frames in order. The file is not trusted: every length is checked against its size before anything
/// is allocated.
class JournalReader {
 public:
  /// Of a journal that nobody needs to wait for: what is damaged in it is passed over, and told by `damage`.
  /// Returns nullopt when there is no such file, or nothing in it. Throws `Error`: resume_mismatch when it is
  /// of another run, storage_failed when it is of another version of the format.
  static std::optional<JournalReader> open(const fs::path& path, const RunKey& key);
  /// Of the journal of a running job: what is not whole is being written, and may be whole at a later call.
  static std::optional<JournalReader> follow(const fs::path& path, const RunKey& key);

  /// The next frame, or null when there is none (yet).
  const JournalFrame* next();
  /// The frame that `next` gave with this position, or null when it is not there any more. `next` then goes on
  /// behind it.
  const JournalFrame* at(std::uint64_t position);
  /// Looks whether the journal was emptied meanwhile; then the next frame is the first of the new epoch.
  void refresh();
  /// Where `next` looks first.
  std::uint64_t position() const { return position_; }
  /// What `next` has passed over.
  const std::vector<LogDamage>& damage() const { return damage_; }

 private:
  JournalReader(File file, const RunKey& key, bool follows)
      : file_(std::move(file)), key_(key), follows_(follows) {}
  bool read_header();
  bool find_epoch();
  /// `size` bytes at `position`, or null when the file ends before.
  const std::byte* look(std::uint64_t position, std::uint64_t size);
  /// Bytes of the whole frame at `position`, which is in `frame_` then; else 0.
  std::uint64_t read_frame(std::uint64_t position);
  std::uint64_t pass_damage();
  std::optional<std::uint64_t> find_frame_behind(std::uint64_t position);
  void note_damage(std::uint64_t from, std::optional<std::uint64_t> next);
  template <class Accept>
  std::optional<std::uint64_t> scan(std::uint64_t from, const Accept& accept);

  File file_;
  RunKey key_;
  bool follows_;
  std::uint64_t epoch_ = 0;
  std::uint64_t position_ = 0;
  std::vector<std::byte> window_;
  std::uint64_t window_begin_ = 0;
  std::size_t window_size_ = 0;
  std::vector<std::uint64_t> offsets_;
  JournalFrame frame_;
  std::vector<LogDamage> damage_;
};

}  // namespace mpipe
