// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Files, with errors of the system as `Error`s.
#pragma once

#include <mpipe/core/error.hpp>

#include <filesystem>
#include <string>
#include <utility>

namespace mpipe::detail {

/// Throws `Error`: folder_refused when a file stands where a folder is needed, else storage_failed. `doing`
/// as in "cannot `create the run folder`".
[[noreturn]] void throw_file_error(const std::string& doing, const std::filesystem::path& path,
                                   int error_number);

/// An open file; closed by the destructor.
class OpenFile {
 public:
  OpenFile() = default;
  /// `open` of the C library, close-on-exec; check with `is_open`, errno says why not.
  OpenFile(const std::filesystem::path& path, int flags, unsigned mode = 0);
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~OpenFile() { close(); }

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  /// 0, or the error number: some file systems tell only here that there is no room.
  int close();

 private:
  int descriptor_ = -1;
};

/// A new file of that name with that text (it must not exist; symbolic links are not followed). 0, or the
/// error number, and then there is no such file. `durable`: synced to the disk.
int create_file(const std::filesystem::path& path, const std::string& text, bool durable);

enum class ReadResult { ok, absent, not_a_file, too_large, failed };

/// A regular file of at most `limit` bytes, symbolic links not followed. With `failed`, errno says why.
ReadResult read_small_file(const std::filesystem::path& path, std::size_t limit, std::string& text);

/// A name beside `path` that no other process uses: `run.json.4711.tmp`.
std::filesystem::path temporary_beside(const std::filesystem::path& path);

/// Replaces the file as a whole. 0, or the error number.
int replace_file(const std::filesystem::path& path, const std::string& text, bool durable);

/// Now, in UTC: `2026-01-31T12:00:00Z`.
std::string utc_now();

}  // namespace mpipe::detail
