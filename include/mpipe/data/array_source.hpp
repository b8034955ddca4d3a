// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Where arrays are that are not in memory: `ArraySource`, which reads them piece by piece, and `FileStretch`,
/// a part of a file that is memory. Ranks of a host share one copy of such a part, the one that the system keeps.
#pragma once

#include <mpipe/core/index.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace mpipe {

/// The elements of an array of fixed-size values that are somewhere else, e.g. compressed in a file. A
/// `Value` of it (`Value::from_source`) reads what somebody looks at.
///
/// Thread rule: any thread, also several at once.
class ArraySource {
 public:
  ArraySource() = default;
  ArraySource(const ArraySource&) = delete;
  ArraySource& operator=(const ArraySource&) = delete;
  virtual ~ArraySource() = default;

  /// Elements that are read together; at least 1. Ranges begin at a multiple of it, and end at one or with
  /// the array.
  virtual Index piece() const = 0;
  /// Puts the elements of a range, numbered in C order, at `to`, dense. Throws `Error` when they cannot be
  /// read.
  virtual void read(IndexRange elements, std::byte* to) const = 0;
};

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
