// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The files of a run as one rank sees them: values and marks by output, wherever they are.
#pragma once

#include "store/extents.hpp"
#include "store/output/result_file.hpp"
#include "store/run_paths.hpp"

namespace mpipe {

/// Where everything is. Made by one rank that asks HDF5, and sent to the others.
struct FileTable {
  struct Entry {
    DatasetLocation location;
    bool in_segment = false;
  };
  std::vector<std::optional<Entry>> outputs;  ///< nothing: has no place (yet)
};

/// Looks where the outputs of `layout` are: in results.h5 and the segments in `folder`. Throws as
/// `find_location`.
FileTable read_file_table(const fs::path& folder, const RunLayout& layout);
/// Adds an output that has a segment.
void look_for_segment(const fs::path& folder, const RunLayout& layout, std::size_t output, FileTable& table);
/// Where they are in one file.
FileTable read_table_of_file(const fs::path& results, const RunLayout& layout);
std::vector<std::byte> pack_file_table(const FileTable& table);
FileTable unpack_file_table(std::span<const std::byte> bytes, const RunLayout& layout);

/// Reads and writes values and marks. Files are opened when they are first used.
class RunFiles {
 public:
  /// `layout` must outlive this.
  RunFiles(fs::path folder, const RunLayout& layout, bool may_write);
  /// With another file in the place of results.h5.
  RunFiles(fs::path folder, fs::path results, const RunLayout& layout, bool may_write);

  void set_table(FileTable table);
  /// An output got its place.
  void add(std::size_t output, FileTable::Entry entry) { table_.outputs[output] = std::move(entry); }
  /// Null when the output has no place.
  const DatasetLocation* location(std::size_t output) const;
  const FileTable& table() const { return table_; }

  /// Values in element order, in pieces; adds their extents. Reads what it wrote again and compares when
  /// `read_back`. `others` says who else writes values of an output whose element order is not file order:
  /// nobody, where commits move them (see `writer_of_panels`).
  void write(std::size_t output, IndexRange values, const std::byte* data, bool read_back,
             std::vector<Extent>& extents, ValueAccess::Others others = ValueAccess::Others::keep_away);
  /// The same but for writing `NAME` itself, which was done by somebody else.
  void complete(std::size_t output, IndexRange values, const std::byte* data, bool read_back,
                std::vector<Extent>& extents);
  /// Writes those of `values` that are in `covered`, in few calls although they are many: what is between
  /// them is read and written again. Of contiguous outputs; nobody else writes there meanwhile.
  void write_between(std::size_t output, IndexRange values, const RangeSet& covered, const std::byte* data,
                     bool read_back, std::vector<Extent>& extents);
  void read(std::size_t output, IndexRange values, std::byte* data);
  /// The same of values that are numbered in file order.
  void read_places(std::size_t output, IndexRange places, std::byte* data);
  /// Checksum of the values as they are in the file now.
  std::uint64_t hash(std::size_t output, IndexRange values);

  void write_status(std::size_t output, IndexRange elements, ElementStatus status);
  /// Makes values pending (where the type has a value for that) and leaves marks alone.
  void clear(std::size_t output, IndexRange values);
  void read_status(std::size_t output, IndexRange elements, std::uint8_t* status);
  /// True when real and imaginary parts are what they should be.
  bool parts_match(std::size_t output, IndexRange values);

  /// Files are opened again when they are used again.
  void close();
  /// Has the disk take everything written here.
  void sync();
  /// The longest piece, in values, for which extents are written.
  Index piece_values(std::size_t output) const;

 private:
  Index step_values(std::size_t output) const;
  File& file(std::size_t output);
  File& open(std::optional<File>& slot, const fs::path& path);
  void write_parts(std::size_t output, IndexRange values, const std::byte* data, ValueAccess::Room room,
                   ValueAccess::Others others);
  void complete(std::size_t output, IndexRange values, const std::byte* data, bool read_back,
                std::vector<Extent>& extents, ValueAccess::Others others);
  void clear_part(std::size_t output, IndexRange values);
  void check_written(std::size_t output, IndexRange values, std::uint64_t expected);
  const FileTable::Entry& entry(std::size_t output) const;

  fs::path folder_;
  fs::path results_path_;
  const RunLayout& layout_;
  bool may_write_;
  FileTable table_;
  std::optional<File> results_;
  std::vector<std::optional<File>> segments_;
  std::vector<bool> dirty_;  ///< by output: written since the last sync
  ValueAccess access_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> part_buffer_;
  std::vector<std::byte> between_;
};

}  // namespace mpipe
