// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Files of the operating system, with every call checked in one place. All plain file access of this layer
/// goes through here. Errors are `Error` (storage_failed) with path and cause.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

namespace fs = std::filesystem;

/// An open file; move-only. Positions are given with each call, so that several threads may use one file.
class PosixFile {
 public:
  enum class Mode {
    read,
    update,  ///< reading and writing a file that is there
    create,  ///< reading and writing a file that is made; one that is there is emptied
  };

  PosixFile() = default;
  PosixFile(const fs::path& path, Mode mode);
  /// Nothing when there is no such file.
  static std::optional<PosixFile> open_existing(const fs::path& path, Mode mode);
  PosixFile(PosixFile&& other) noexcept;
  PosixFile& operator=(PosixFile&& other) noexcept;
  ~PosixFile();

  bool is_open() const { return descriptor_ >= 0; }
  const fs::path& path() const { return path_; }

  void write_at(std::uint64_t position, std::span<const std::byte> bytes);
  /// Two parts behind each other, by one call of the system where it takes them at once.
  void write_at(std::uint64_t position, std::span<const std::byte> first, std::span<const std::byte> second);
  /// Throws when the file ends before.
  void read_at(std::uint64_t position, std::span<std::byte> bytes) const;
  /// As many bytes as there are, at most `bytes.size()`.
  std::size_t read_some_at(std::uint64_t position, std::span<std::byte> bytes) const;

  std::uint64_t size() const;
  void resize(std::uint64_t size);
  /// Takes disk space for the first `size` bytes; throws with a message about room when there is too little.
  void reserve(std::uint64_t size);
  void sync_data();
  /// Also the length and other metadata of the file.
  void sync();

 private:
  PosixFile(int descriptor, fs::path path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_ = -1;
  fs::path path_;
};

/// Makes renames and new files in `folder` survive a power failure.
void sync_folder(const fs::path& folder);
/// Atomically; replaces what is there.
void rename_file(const fs::path& from, const fs::path& to);
/// Nothing happens when it is not there. Symbolic links are removed, not followed.
void remove_file(const fs::path& path);
/// Removes an empty folder, if it is there.
void remove_folder(const fs::path& path);
void make_folder(const fs::path& path);
/// Names of the files in `folder`, sorted; empty when it is not there.
std::vector<std::string> list_folder(const fs::path& folder);

/// A name beside `path` that nobody can guess, for what is renamed to `path` when it is complete. It ends in
/// `.tmp`.
fs::path temporary_path(const fs::path& path);
/// Removes what earlier calls of `temporary_path(path)` left behind when their process died.
void remove_temporaries(const fs::path& path);
/// Either the old or the new content is there, whatever happens (without `sync`: but a power failure).
void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes, bool sync = true);
/// Nothing when there is no such file; refuses files of more than `limit` bytes.
std::optional<std::vector<std::byte>> read_whole_file(const fs::path& path, std::uint64_t limit);

/// "1.5 GB", for messages.
std::string readable_size(std::uint64_t bytes);

}  // namespace mpipe
