// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The lock file of a run folder: two jobs never write one folder at once.
#pragma once

#include <mpipe/core/error.hpp>
#include <mpipe/folder/folder_owner.hpp>

#include "base/api/file.hpp"

#include <cstdint>

namespace mpipe::detail {

inline constexpr const char* kLockName = "lock";

/// What is found under the name of the lock file.
struct LockContent {
  bool exists = false;
  bool ours = false;                 ///< a lock file of a run, perhaps one whose owner is not known yet
  std::optional<FolderOwner> owner;  ///< who holds it
};
LockContent read_lock(const std::filesystem::path& path);

/// A held lock; let go by the destructor. The file appears with its contents at once, and is taken over from
/// a dead owner by one process only, however many try.
class FolderLock {
 public:
  /// Throws `Error`: folder_refused (somebody else holds it), storage_failed.
  static FolderLock acquire(const std::filesystem::path& folder);

  FolderLock(FolderLock&& other) noexcept
      : path_(std::move(other.path_)), inode_(std::exchange(other.inode_, 0)) {}
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(inode_, other.inode_);
    return *this;
  }
  ~FolderLock() { release(); }

  void release() noexcept;

 private:
  FolderLock(std::filesystem::path path, std::uint64_t inode) : path_(std::move(path)), inode_(inode) {}

  std::filesystem::path path_;
  std::uint64_t inode_ = 0;  ///< 0: not held
};

}  // namespace mpipe::detail
