// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Open files, atomic replacement, temporary names and folders, over `FileSystem`. Every call is checked
/// here; errors are `Error` (storage_failed) with path, cause, and what to do, unless said otherwise.
#pragma once

#include "base/api/file_system.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// An open file; move-only. Positions are given with each call, so that several threads may use one file.
class File {
 public:
  enum class Mode {
    read,
    update,   ///< reading and writing a file that is there
    create,   ///< reading and writing a file that is made; one that is there is emptied
    make,     ///< as `create`, but fails when there is something of that name
    inspect,  ///< reading what may be anything: symbolic links are not followed, pipes do not block
  };

  File(const fs::path& path, Mode mode);
  /// Owns a descriptor that `file_system()` gave.
  File(int descriptor, fs::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  /// Returns nullopt when there is no such file.
  static std::optional<File> open_existing(const fs::path& path, Mode mode);
  /// Returns nullopt when something has that name, be it a symbolic link.
  static std::optional<File> make_if_absent(const fs::path& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const fs::path& path() const { return path_; }
  /// For calls that are not about bytes: locks, status, mappings.
  int descriptor() const { return descriptor_; }

  void write_at(std::uint64_t position, std::span<const std::byte> bytes);
  /// Two parts behind each other, by one call of the system where it takes them at once.
  void write_at(std::uint64_t position, std::span<const std::byte> first, std::span<const std::byte> second);
  /// Throws when the file ends before.
  void read_at(std::uint64_t position, std::span<std::byte> bytes) const;
  /// As many bytes as there are, at most `bytes.size()`.
  std::size_t read_some_at(std::uint64_t position, std::span<std::byte> bytes) const;

  std::uint64_t size() const;
  bool is_regular() const;
  void resize(std::uint64_t size);
  /// Whether the file system has files of this size; the file may have it then, without taking room.
  bool can_grow_to(std::uint64_t size);
  /// Takes disk space for the first `size` bytes; throws with a message about room when there is too little.
  void reserve(std::uint64_t size);
  void sync_data();
  /// Also the length and other metadata of the file.
  void sync();

 private:
  int descriptor_ = -1;
  fs::path path_;
};

/// What the system means by `path`, so that it stays so wherever the program goes: absolute, without symbolic
/// links and `..`, as far as it exists. Throws `Error` (storage_failed) where there is no telling.
fs::path resolve_path(const fs::path& path);
/// Keeps the folder open, see `HeldFolder`. `path` is absolute.
HeldFolder hold_folder(const fs::path& path);

/// Makes renames and new files in `folder` survive a power failure.
void sync_folder(const fs::path& folder);
/// The same for all that was written to the file system of `folder`, bytes and names: of more than some files the
/// disk takes them together in the time of a few.
void sync_file_system(const fs::path& folder);
inline constexpr std::size_t kManyFiles = 8;
/// Atomically; replaces what is there.
void rename_file(const fs::path& from, const fs::path& to);
/// A file that is not there is no error. Symbolic links are removed, not followed.
void remove_file(const fs::path& path);
/// Removes an empty folder, if it is there.
void remove_folder(const fs::path& path);
void make_folder(const fs::path& path);
/// Names of the files in `folder`, sorted; empty when it is not there.
std::vector<std::string> list_folder(const fs::path& folder);

/// A name beside `path` that nobody can guess, for what is renamed to `path` when it is complete. It ends in
/// `.tmp`.
fs::path temporary_path(const fs::path& path);
/// Removes what earlier calls of `temporary_path(path)` left behind when their process died. Nobody else may be
/// about to use one.
void remove_temporaries(const fs::path& path);

/// A file under a temporary name, which is removed again unless `keep` was called.
class TemporaryFile {
 public:
  /// Chooses the name; the caller makes the file.
  explicit TemporaryFile(const fs::path& path) : target_(path), path_(temporary_path(path)) {}
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const fs::path& path() const { return path_; }
  /// Renames it to the path it was made for. With `sync` the new name survives a power failure.
  void keep(bool sync);

 private:
  fs::path target_;
  fs::path path_;
  bool kept_ = false;
};

/// Either the old or the new content is there, whatever happens (without `sync`: but a power failure).
void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes, bool sync = true);
void write_file_atomically(const fs::path& path, std::string_view text, bool sync = true);

enum class ReadResult {
  ok,
  absent,      ///< there is nothing of that name
  not_a_file,  ///< a symbolic link, a folder, a pipe
  too_large,   ///< more bytes than the limit
};
/// A file of at most `limit` bytes, which may be anything.
ReadResult read_small_file(const fs::path& path, std::size_t limit, std::string& text);

/// "1.5 GB", for messages.
std::string readable_size(std::uint64_t bytes);

/// Throws `Error`: folder_refused when a file stands where a folder is needed, else storage_failed. `action`
/// as in "cannot `create` PATH"; `code` is a number of errno.
[[noreturn]] void throw_file_error(std::string_view action, const fs::path& path, int code);

}  // namespace mpipe
