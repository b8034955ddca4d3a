// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A stretch of a file as memory: large arrays are read where and when somebody looks at them, and ranks of a
/// host share one copy, the one that the system keeps of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace mpipe {

/// Where some bytes are in a file, and which file it was. Value type.
struct FileStretch {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  // As they were when the stretch was made:
  std::uint64_t file_bytes = 0;
  std::int64_t modified_ns = 0;

  /// Of the file as it is now. Throws `Error` (bad_input_file) when it is not there, or is too short.
  static FileStretch of(const std::string& path, std::uint64_t offset, std::uint64_t size);

  /// Throws `Error` (bad_input_file) when the file cannot be opened here, or has changed.
  void check_same() const;

  /// The bytes, read-only; they stay while somebody holds them. Throws `Error` (bad_input_file) when the file
  /// cannot be read here, or has changed. Who shortens the file later kills those who look at it (SIGBUS).
  std::shared_ptr<const std::byte[]> map() const;

  friend bool operator==(const FileStretch&, const FileStretch&) = default;
};

}  // namespace mpipe
