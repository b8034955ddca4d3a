// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Extents: which stretches of values are in the file, with their checksums; also which elements failed or
/// are blocked. They are what a later start trusts, when the bytes still match. Append-only files of
/// checksummed records (docs/formats.md), one per writer while a run goes on and one base file, replaced as a
/// whole.
#pragma once

#include "base/api/file.hpp"
#include "store/api/run_store.hpp"
#include "store/checksum.hpp"
#include "store/log_damage.hpp"

namespace mpipe {

enum class ExtentKind : std::uint32_t {
  values = 1,   ///< values [begin, end) in element order have this checksum
  done = 2,     ///< elements [begin, end) are done and have no values at all
  failed = 3,   ///< elements
  blocked = 4,  ///< elements
};

struct Extent {
  ExtentKind kind = ExtentKind::values;
  std::size_t output = 0;
  IndexRange range;
  std::uint64_t hash = 0;
};

class ExtentWriter {
 public:
  /// Makes the file, or empties one that is there.
  ExtentWriter(const fs::path& path, const RunKey& key);
  /// On return the records survive the death of this process.
  void append(std::span<const Extent> extents);
  void sync();

 private:
  File file_;
  std::uint64_t end_ = 0;
  bool dirty_ = true;
  std::vector<std::byte> buffer_;
};

/// All whole records of a file; none when it is not there. What is damaged is left out, and told by `damage`.
/// Throws `Error`: resume_mismatch when it is of another run, storage_failed when it is of another version of
/// the format.
std::vector<Extent> read_extents(const fs::path& path, const RunKey& key,
                                 std::vector<LogDamage>* damage = nullptr);

/// Replaces the file at once.
void write_extents(const fs::path& path, const RunKey& key, std::span<const Extent> extents,
                   bool sync = true);

}  // namespace mpipe
