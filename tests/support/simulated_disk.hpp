// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A disk whose machine may stop at any operation: what is on it afterwards, with or without power.
#pragma once

#include "base/api/file_system.hpp"

#include <sys/types.h>

#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mpipe::test {

/// How the simulated machine stops.
enum class Stop {
  kill,   ///< all processes die: what the system was given is kept
  power,  ///< of what was not synced all is lost
  torn,   ///< of what was not synced any sectors and the first changes of names are kept
};

/// What the disk says and does not do, to see that a test finds it: the program that believes it is one that forgot to
/// sync, or did not look at what a write returned.
enum class DiskLie {
  none,
  sync,         ///< nothing is ever synced
  short_write,  ///< a write that takes less than it could is told as whole
};

/// What goes wrong, by the number of the operation, counted from 1. Operations are those that change something.
struct DiskFaults {
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
  std::size_t stop_at = kNever;
  Stop stop = Stop::kill;
  std::size_t fail_from = kNever;
  std::size_t fail_count = kNever;
  int code = 0;                    ///< ENOSPC: only what takes space fails
  std::function<bool()> hits;      ///< whether failures hit the thread that calls; all when empty
  std::uint64_t one_short_in = 0;  ///< about one call in so many takes or gives less than it could; 0: none
  DiskLie lie = DiskLie::none;
};

/// Passes calls on to the system. At the operation `stop_at` what a machine would find after its restart is put into
/// the folder `image`; from then on every operation fails, so that the threads of the program end. Only what is in the
/// folder `root` is on this disk. Names and bytes are lost separately: a file that was synced is lost with its name
/// where that was not. Everything random comes from the seed. All threads of one simulation may use it.
class SimulatedDisk final : public FileSystem {
 public:
  SimulatedDisk(fs::path root, fs::path image, DiskFaults faults, std::uint64_t seed);
  ~SimulatedDisk() override;

  bool stopped() const { return stopped_; }
  bool has_failed() const { return failed_; }
  std::size_t operations() const { return count_; }
  /// Called before each operation that changes something.
  std::function<void(std::string_view operation, const fs::path& path, std::uint64_t position)> watch;

  int open(const fs::path& path, int flags) override;
  int close(int file) override;
  ssize_t read(int file, std::uint64_t position, std::span<std::byte> bytes) override;
  ssize_t write(int file, std::uint64_t position, std::span<const std::byte> first,
                std::span<const std::byte> second) override;
  int resize(int file, std::uint64_t size) override;
  int reserve(int file, std::uint64_t size) override;
  int sync(int file, bool data_only) override;
  int sync_file_system(int file) override;
  int rename(const fs::path& from, const fs::path& to) override;
  int link(const fs::path& from, const fs::path& to) override;
  int remove(const fs::path& path) override;
  int make_folder(const fs::path& path) override;
  int remove_folder(const fs::path& path) override;

 private:
  /// Of one file: what the disk has for certain where the system has something else.
  struct Unsynced {
    std::uint64_t size = 0;
    std::map<std::uint64_t, std::vector<std::byte>> pages;  ///< by number; cut where the file ended
  };
  /// A name that was made, changed or removed. `saved`: under which name the file is kept that it led to before.
  struct NameChange {
    enum class Kind { made, renamed, removed, made_folder, removed_folder } kind;
    fs::path from;
    fs::path to;
    fs::path saved;
  };

  bool on_disk(const fs::path& path) const;
  /// 0, or the number of the error with which the operation fails.
  int begin(std::string_view operation, const fs::path& path, bool takes_space, std::uint64_t position = 0);
  int fail(int code);
  bool comes_short();
  void remember(int file, std::uint64_t begin, std::uint64_t end);
  fs::path save(const fs::path& path);
  void note(NameChange change);
  void make_image();
  void undo(const NameChange& change);
  void copy_file(const fs::path& from, const fs::path& to);
  std::vector<std::byte> after_power_failure(std::vector<std::byte> bytes, const Unsynced& unsynced,
                                             const std::string& name);
  fs::path in_image(const fs::path& path) const { return image_ / path.lexically_relative(root_); }

  const fs::path root_;
  const fs::path image_;
  const fs::path saved_;  ///< files that have lost their names
  const DiskFaults faults_;
  const std::uint64_t seed_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::size_t count_ = 0;
  bool stopped_ = false;
  bool failed_ = false;
  std::size_t files_saved_ = 0;
  std::map<int, fs::path> paths_;  ///< of open files
  std::map<ino_t, Unsynced> unsynced_;
  std::vector<NameChange> changes_;  ///< that were not synced, in their order
};

}  // namespace mpipe::test
