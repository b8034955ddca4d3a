// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The file system as this program uses it: one virtual function per call of the operating system, so that a
/// test can put a file system in its place that fails, loses what was not synced, or is told of each call.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>

namespace mpipe {

namespace fs = std::filesystem;

/// Each function is the call of its name: it returns what that returns, and sets errno as that does. `File`
/// (file.hpp) turns this into loops and errors, and is what other code uses.
class FileSystem {
 public:
  FileSystem() = default;
  virtual ~FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  /// A descriptor. Files that are made get the permissions that umask leaves.
  virtual int open(const fs::path& path, int flags);
  virtual int close(int file);
  virtual ssize_t read(int file, std::uint64_t position, std::span<std::byte> bytes);
  /// Two parts, the second behind the first.
  virtual ssize_t write(int file, std::uint64_t position, std::span<const std::byte> first,
                        std::span<const std::byte> second);
  virtual int resize(int file, std::uint64_t size);
  /// Takes disk space for the first `size` bytes. Returns the number of the error, as posix_fallocate does.
  virtual int reserve(int file, std::uint64_t size);
  /// With `data_only` the metadata that nobody needs to read the data may stay behind.
  virtual int sync(int file, bool data_only);
  /// Everything that was written to the file system of this file, names too.
  virtual int sync_file_system(int file);
  virtual int rename(const fs::path& from, const fs::path& to);
  /// Another name for a file; fails when there is something of that name.
  virtual int link(const fs::path& from, const fs::path& to);
  virtual int remove(const fs::path& path);
  virtual int make_folder(const fs::path& path);
  virtual int remove_folder(const fs::path& path);
};

/// A folder that is kept open. While this lives, `FileSystem` follows every path that begins with `path()` from
/// the open folder, and not by its name: when the folder or one above it gets another name, or its name leads to
/// another folder, nothing changes for those who use it.
class HeldFolder {
 public:
  /// Owns the descriptor of a folder. `path` is absolute, and what users of the folder call it.
  HeldFolder(int descriptor, fs::path path);
  HeldFolder(HeldFolder&&) noexcept = default;
  HeldFolder& operator=(HeldFolder&& other) noexcept {
    std::swap(open_, other.open_);
    return *this;
  }
  ~HeldFolder();

  struct Open;  ///< the descriptor and the path

 private:
  std::shared_ptr<const Open> open_;
};

/// By which name other programs and libraries find, now, what `path` leads to. It differs from `path` where a
/// held folder was renamed.
fs::path path_now(const fs::path& path);

/// The file system in use by this process: that of the operating system, unless a test put another one in its
/// place.
FileSystem& file_system();

/// Puts another file system in place for its own life. For tests; while files that were opened through one
/// are open, the other must understand their descriptors.
class FileSystemInPlace {
 public:
  explicit FileSystemInPlace(FileSystem& other);
  ~FileSystemInPlace();
  FileSystemInPlace(const FileSystemInPlace&) = delete;
  FileSystemInPlace& operator=(const FileSystemInPlace&) = delete;

 private:
  FileSystem& before_;
};

}  // namespace mpipe
