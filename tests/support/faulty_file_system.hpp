// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The file system of the operating system with faults: for tests of what survives them.
#pragma once

#include "base/api/file_system.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <string_view>
#include <vector>

namespace mpipe::test {

enum class FileFault {
  full,  ///< no space is left for what takes some
  io,    ///< the device fails: nothing that changes something works
  torn,  ///< as `io`, but half of the first write still arrives
};

/// Passes calls on, counts those that change something, and lets them fail from one of them on. Descriptors
/// are those of the system, so that files may stay open over the change from and to it.
class FaultyFileSystem final : public FileSystem {
 public:
  /// Called before each operation with its name: a slow disk sleeps there, a scheduler of ranks takes turns.
  std::function<void(std::string_view operation)> before_each;
  /// Whether faults hit the thread that calls; all of them when empty. Operations of others do not count.
  std::function<bool()> hits;

  /// Changing operation number `first` fails, and all after it.
  void fail_from(std::size_t first, FileFault fault) {
    const std::lock_guard lock(mutex_);
    first_ = first;
    fault_ = fault;
  }
  void mend() { fail_from(std::numeric_limits<std::size_t>::max(), FileFault::io); }
  /// Changing operations so far.
  std::size_t operations() const { return count_; }
  bool has_failed() const { return failures_ != 0; }
  /// What a power failure does: bytes that were written and not synced are lost, the newest first. Names are
  /// kept, as those that matter are synced before anybody relies on them.
  void lose_unsynced() {
    for (const auto& [path, undos] : unsynced_)
      for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo) take_back(path, *undo);
    unsynced_.clear();
  }

  int open(const fs::path& path, int flags) override {
    tell("open");
    if ((flags & O_CREAT) != 0 && fails(true)) return -1;
    const int file = FileSystem::open(path, flags);
    const std::lock_guard lock(mutex_);
    if (file >= 0) paths_[file] = path;
    return file;
  }
  ssize_t read(int file, std::uint64_t position, std::span<std::byte> bytes) override {
    tell("read");
    return FileSystem::read(file, position, bytes);
  }
  ssize_t write(int file, std::uint64_t position, std::span<const std::byte> first,
                std::span<const std::byte> second) override {
    tell("write");
    const bool was_well = !has_failed();
    if (fails(true)) {
      const std::size_t half = (first.size() + second.size()) / 2;
      if (fault_ != FileFault::torn || !was_well || half == 0) return -1;
      const std::size_t of_first = std::min(half, first.size());
      return FileSystem::write(file, position, first.first(of_first), second.first(half - of_first));
    }
    remember(file, position, first.size() + second.size());
    return FileSystem::write(file, position, first, second);
  }
  int resize(int file, std::uint64_t size) override {
    tell("resize");
    return fails(true) ? -1 : FileSystem::resize(file, size);
  }
  int reserve(int file, std::uint64_t size) override {
    tell("reserve");
    return fails(true) ? errno : FileSystem::reserve(file, size);
  }
  int sync(int file, bool) override {
    tell("sync");
    if (fails(false)) return -1;
    const std::lock_guard lock(mutex_);
    unsynced_.erase(paths_[file]);
    return 0;  // a test has no power failures of its own, and syncing costs most of its time
  }
  int sync_file_system(int) override {
    tell("sync_file_system");
    if (fails(false)) return -1;
    const std::lock_guard lock(mutex_);
    unsynced_.clear();
    return 0;
  }
  int rename(const fs::path& from, const fs::path& to) override {
    tell("rename");
    if (fails(false)) return -1;
    const std::lock_guard lock(mutex_);
    if (auto undos = unsynced_.extract(from)) {
      undos.key() = to;
      unsynced_.erase(to);
      unsynced_.insert(std::move(undos));
    }
    return FileSystem::rename(from, to);
  }
  int remove(const fs::path& path) override {
    tell("remove");
    return fails(false) ? -1 : FileSystem::remove(path);
  }
  int make_folder(const fs::path& path) override {
    tell("make_folder");
    return fails(true) ? -1 : FileSystem::make_folder(path);
  }

 private:
  /// How a write is taken back: these bytes were there, and the file ended there.
  struct Undo {
    std::uint64_t position = 0;
    std::vector<std::byte> bytes;
    std::uint64_t size = 0;
  };

  void tell(std::string_view operation) const {
    if (before_each) before_each(operation);
  }

  bool fails(bool takes_space) {
    const std::lock_guard lock(mutex_);
    if (hits && !hits()) return false;
    if (count_++ < first_ || (fault_ == FileFault::full && !takes_space)) return false;
    ++failures_;
    errno = fault_ == FileFault::full ? ENOSPC : EIO;
    return true;
  }

  void remember(int file, std::uint64_t position, std::size_t count) {
    struct stat status {};
    ::fstat(file, &status);
    Undo undo{position, std::vector<std::byte>(count), static_cast<std::uint64_t>(status.st_size)};
    const ssize_t got = ::pread(file, undo.bytes.data(), count, static_cast<off_t>(position));
    undo.bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    const std::lock_guard lock(mutex_);
    unsynced_[paths_[file]].push_back(std::move(undo));
  }

  static void take_back(const fs::path& path, const Undo& undo) {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return;  // removed since
    const bool written = undo.bytes.empty() || ::pwrite(file, undo.bytes.data(), undo.bytes.size(),
                                                        static_cast<off_t>(undo.position)) >= 0;
    if (!written || ::ftruncate(file, static_cast<off_t>(undo.size)) != 0) std::abort();
    ::close(file);
  }

  mutable std::mutex mutex_;
  std::size_t count_ = 0;
  std::size_t failures_ = 0;
  std::size_t first_ = std::numeric_limits<std::size_t>::max();
  FileFault fault_ = FileFault::io;
  std::map<int, fs::path> paths_;  ///< of descriptors
  std::map<fs::path, std::vector<Undo>> unsynced_;
};

}  // namespace mpipe::test
