// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The lock file of a run folder: two jobs never write one folder at once.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>
#include <mpipe/folder/status.hpp>

#include "base/api/file.hpp"

#include <memory>

namespace mpipe::detail {

inline constexpr const char* kLockName = "lock";

/// What is found under the name of the lock file.
struct LockContent {
  bool exists = false;
  bool ours = false;  ///< a lock file of a run, perhaps empty, or cut short when the power failed
  std::optional<FolderOwner> owner;  ///< who holds it
  double beat = 0;  ///< last sign of life of the owner, in seconds of the file system's clock
};
LockContent read_lock(const fs::path& path);

/// Whether the owner of the folder's lock lives, as far as somebody can know who only reads. Where the owner
/// cannot be asked, its heartbeat decides: that is watched for some seconds where the clocks of two hosts may
/// disagree. `dead` where there is no lock with an owner.
Liveness owner_liveness(const fs::path& folder);

/// A held lock; let go by the destructor. The file appears with its contents at once, and is taken over from
/// a dead owner by one process only, however many try. While it is held, the time of the file is set anew
/// every few seconds: a heartbeat for those who cannot ask the kernel about this process.
class FolderLock {
 public:
  /// With `from_silent`, also from an owner that cannot be asked and shows no sign of life. Throws `Error`:
  /// folder_refused (somebody else holds it), storage_failed.
  static FolderLock acquire(const fs::path& folder, bool from_silent = false);

  FolderLock(FolderLock&&) noexcept;
  FolderLock& operator=(FolderLock&&) noexcept;
  ~FolderLock();

  void release() noexcept;

 private:
  class Heart;
  explicit FolderLock(fs::path path);

  fs::path path_;
  std::unique_ptr<Heart> heart_;  ///< null: not held
};

/// Removes the lock of the folder if this process has it. For one that is about to end.
void release_lock(const fs::path& folder) noexcept;

}  // namespace mpipe::detail
