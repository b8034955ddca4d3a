// SPDX-License-Identifier: BSD-3-Clause
// Claims a run folder by a lock file, also from an owner that is dead.
#include "folder/folder_lock.hpp"

#include "base/api/json_integer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace mpipe::detail {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "mpipe-lock";
constexpr std::size_t kSizeLimit = 16 * 1024;
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr int kMostAttempts = 250;  // 5 s: a takeover takes microseconds

/// Text that is not UTF-8, say a strange host name, is replaced rather than refused, as a lock must not fail
/// for its description.
std::string lock_text(const FolderOwner& owner) {
  const json text = {{"format", kFormat},
                     {"version", 1},
                     {"host", owner.host},
                     {"pid", owner.pid},
                     {"start_time", owner.start_time},
                     {"job_id", owner.job_id},
                     {"job_restarts", owner.job_restarts},
                     {"since", owner.since}};
  return text.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<FolderOwner> parse_lock(const std::string& text) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object() || parsed.value("format", json()) != kFormat) return std::nullopt;
  try {
    FolderOwner owner;
    owner.host = parsed.at("host").get<std::string>();
    owner.pid = detail::json_integer<std::int64_t>(parsed.at("pid"));
    owner.start_time = detail::json_integer<std::uint64_t>(parsed.at("start_time"));
    owner.job_id = parsed.value("job_id", "");
    owner.job_restarts = detail::json_integer<std::int64_t>(parsed.value("job_restarts", json(0)));
    owner.since = parsed.value("since", "");
    // To kill(2), numbers below 1 mean groups of processes, so they cannot name an owner.
    return owner.pid > 0 && owner.pid <= INT32_MAX ? std::optional(owner) : std::nullopt;
  } catch (const std::exception&) {  // of the JSON library, or a number that is none
    return std::nullopt;
  }
}

std::uint64_t inode_of(const fs::path& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::uint64_t inode_of(const File& file) {
  struct stat info {};
  return ::fstat(file.descriptor(), &info) == 0 ? info.st_ino : 0;
}

[[noreturn]] void refuse_held(const fs::path& lock, const FolderOwner& owner, Liveness alive) {
  const char* why = alive == Liveness::unknown ? "that host cannot be asked from here whether it still runs"
                                               : "two jobs in one folder would destroy each other's results";
  throw Error(
      Category::folder_refused,
      fmt::format(
          "the run folder '{}' is in use by {} ({}). Wait for it to end, or choose another folder; if you "
          "know that it is gone, remove '{}'.",
          lock.parent_path().string(), describe(owner), why, lock.string()));
}

[[noreturn]] void refuse_foreign(const fs::path& lock) {
  throw Error(
      Category::folder_refused,
      fmt::format(
          "'{}' is not the lock file of a run (this folder may belong to something else). Choose another "
          "run folder, or remove that file if you know what it is.",
          lock.string()));
}

/// The new lock, waiting beside its place; gone when this ends.
/// It is complete before it is put into its place, because others read it there at any time and decide by its
/// contents whether the owner lives.
class Candidate {
 public:
  explicit Candidate(const fs::path& lock)
      : lock_(lock), file_(lock), text_(lock_text(this_process())), inode_(write(file_.path()).value()) {}

  /// Puts it into an empty place. False when the place is taken.
  bool place() {
    if (file_system().link(file_.path(), lock_) == 0) return true;
    if (errno == EEXIST) return false;
    // These are the answers of file systems that have no hard links, or allow no more of them. Everything
    // else is a real error.
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
      throw_file_error("lock the run folder", lock_.parent_path(), errno);
    // A file system without hard links: readers may see the file before it has its contents.
    const std::optional<std::uint64_t> made = write(lock_);
    if (made) inode_ = *made;
    return made.has_value();
  }

  /// Puts it into the place of a lock whose owner is dead.
  void replace() { file_.keep(false); }

  std::uint64_t inode() const { return inode_; }

 private:
  /// The inode of the new file; empty when a file of that name is there already.
  std::optional<std::uint64_t> write(const fs::path& path) const {
    std::optional<File> file = File::make_if_absent(path);
    if (!file) return std::nullopt;
    file->write_at(0, std::as_bytes(std::span(text_)));
    return inode_of(*file);
  }

  fs::path lock_;
  TemporaryFile file_;
  std::string text_;
  std::uint64_t inode_;
};

/// Whether the lock of a dead owner was taken over; false when it changed meanwhile, or somebody else is at
/// it. The lock on the old file makes one process out of many: the others then find another file in its
/// place.
bool take_over(const fs::path& lock, Candidate& candidate) {
  const std::optional<File> old = File::open_existing(lock, File::Mode::inspect);
  if (!old) return false;
  if (::flock(old->descriptor(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return false;
    // This file system has no such locks: the last process that renames wins, and the others see that another
    // file is in the place.
    candidate.replace();
    std::this_thread::sleep_for(10 * kPause);
    return inode_of(lock) == candidate.inode();
  }
  // The order matters: the owner is read anew and the inodes are compared only after the old file is locked.
  // Before that, another process may have taken the place already, and its lock would be overwritten.
  const LockContent content = read_lock(lock);
  if (inode_of(*old) != inode_of(lock) || !content.owner || liveness(*content.owner) != Liveness::dead)
    return false;
  candidate.replace();
  return true;
}

}  // namespace

/// An empty file is taken for a lock of ours: on a file system without hard links it is visible before it has
/// its contents.
LockContent read_lock(const fs::path& path) {
  LockContent content;
  std::string text;
  const ReadResult result = read_small_file(path, kSizeLimit, text);
  content.exists = result != ReadResult::absent;
  if (result != ReadResult::ok) return content;
  content.owner = parse_lock(text);
  content.ours = content.owner.has_value() || text.empty();
  return content;
}

/// Tries until the lock is free, held by a process that lives, or unreadable for too long. A place that is
/// taken by a lock without an owner is left alone for some time, as its owner may be about to write it.
FolderLock FolderLock::acquire(const fs::path& folder) {
  const fs::path lock = folder / kLockName;
  Candidate candidate(lock);
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (candidate.place()) return {lock, candidate.inode()};
    const LockContent content = read_lock(lock);
    // A file that is not a lock is refused at once: waiting would not turn it into one.
    if (content.exists && !content.ours) refuse_foreign(lock);
    if (content.owner) {
      const Liveness alive = liveness(*content.owner);
      if (alive != Liveness::dead) refuse_held(lock, *content.owner, alive);
      if (take_over(lock, candidate)) return {lock, candidate.inode()};
    }
    std::this_thread::sleep_for(kPause);
  }
  throw Error(
      Category::folder_refused,
      fmt::format(
          "the lock file '{}' does not say who holds it, and stays so (a job that was killed at once may "
          "have left it). Remove it when no job uses this folder.",
          lock.string()));
}

/// The inode tells this lock from another one of the same name. A user may have removed the file by hand, and
/// another job may have locked the folder since.
void FolderLock::release() noexcept {
  // A lock that somebody else has put there since stays.
  if (inode_ != 0 && inode_of(path_) == inode_) file_system().remove(path_);
  inode_ = 0;
}

}  // namespace mpipe::detail
