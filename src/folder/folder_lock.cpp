// SPDX-License-Identifier: BSD-3-Clause
// Claims a run folder by a lock file, also from an owner that is dead.
#include "folder/folder_lock.hpp"

#include "base/api/json_integer.hpp"
#include "base/api/thread.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>

namespace mpipe::detail {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "mpipe-lock";
/// Every lock begins with this, so that a part of one is known as such.
constexpr std::string_view kHead = "{\n  \"format\": \"mpipe-lock\",\n";
constexpr std::size_t kSizeLimit = 16 * 1024;
constexpr auto kPause = std::chrono::milliseconds(20);

constexpr auto kBeat = std::chrono::seconds(5);
/// Two beats and some: an owner that is to be dead for another reason has missed them.
constexpr double kTwoBeats = 12;
/// So long may a beat be late, on a file system that is slow, before the owner counts as silent.
constexpr double kSilence = 60;
/// A lock without an owner may be about to get one: where there are no hard links it is made before it is written.
constexpr double kTimeToWrite = 2;
/// By so much may the clock of another host differ.
constexpr double kClockDifference = 2 * 3600;

/// Text that is not UTF-8, say a strange host name, is replaced rather than refused, as a lock must not fail
/// for its description.
std::string lock_text(const FolderOwner& owner) {
  const nlohmann::ordered_json text = {{"format", kFormat},
                                       {"version", 1},
                                       {"host", owner.host},
                                       {"boot_id", owner.boot_id},
                                       {"pid_namespace", owner.pid_namespace},
                                       {"pid", owner.pid},
                                       {"start_time", owner.start_time},
                                       {"job_id", owner.job_id},
                                       {"job_restarts", owner.job_restarts},
                                       {"since", owner.since}};
  return text.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::optional<FolderOwner> parse_lock(const std::string& text) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object() || parsed.value("format", json()) != kFormat) return std::nullopt;
  try {
    FolderOwner owner;
    owner.host = parsed.at("host").get<std::string>();
    owner.boot_id = parsed.value("boot_id", "");
    owner.pid_namespace = detail::json_integer<std::uint64_t>(parsed.value("pid_namespace", json(0)));
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

/// What a power failure leaves of a lock: its beginning, or zero bytes where the length was stored and the
/// contents were not.
bool is_torn(const std::string& text) {
  const std::string_view rest = std::string_view(text).substr(0, text.find_last_not_of('\0') + 1);
  return rest.starts_with(kHead) || kHead.starts_with(rest);
}

struct FileTime {
  std::uint64_t inode = 0;  ///< 0: there is no such file
  double time = 0;          ///< of the last change, in seconds
};

FileTime file_time(const struct stat& info) {
  constexpr double kNano = 1e-9;
  return {info.st_ino,
          static_cast<double>(info.st_mtim.tv_sec) + kNano * static_cast<double>(info.st_mtim.tv_nsec)};
}

FileTime file_time(const File& file) {
  struct stat info {};
  return ::fstat(file.descriptor(), &info) == 0 ? file_time(info) : FileTime{};
}

/// The file is opened, as the attributes that a network file system gives for a name may be a minute old.
FileTime file_time(const fs::path& path) {
  const int descriptor = file_system().open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  return descriptor < 0 ? FileTime{} : file_time(File(descriptor, path));
}

std::string ago(double seconds) {
  constexpr double kMinute = 60;
  return seconds < 2 * kMinute ? fmt::format("{:.0f} s ago", seconds)
                               : fmt::format("{:.0f} min ago", seconds / kMinute);
}

/// Why nobody here can say whether the owner lives.
std::string why_unknown(const FolderOwner& owner) {
  const FolderOwner self = this_process();
  if (owner.host != self.host) return "that host cannot be asked from here whether it still runs";
  if (owner.boot_id != self.boot_id) return "this host was started anew since, or another one has its name";
  return "it has another PID namespace of this host, a container for instance, and cannot be asked from here";
}

[[noreturn]] void refuse_held(const fs::path& lock, const FolderOwner& owner, const std::string& why,
                              const std::string& advice) {
  throw Error(Category::folder_refused,
              fmt::format("the run folder '{}' is in use by {} ({}). {}", lock.parent_path().string(),
                          describe(owner), why, advice));
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
    if (errno == ENOENT) {  // the owner of the lock took it for what a dead process had left
      inode_ = write(file_.path()).value_or(0);
      return false;
    }
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
  bool in_place() const { return file_time(lock_).inode == inode_; }

  /// Now, by the clock of the file system: that of this host may be another one.
  double now() {
    std::optional<File> file = File::open_existing(file_.path(), File::Mode::update);
    if (!file) {  // see `place`
      inode_ = write(file_.path()).value_or(0);
      return file_time(file_.path()).time;
    }
    ::futimens(file->descriptor(), nullptr);
    return file_time(*file).time;
  }

 private:
  /// The inode of the new file; empty when a file of that name is there already.
  std::optional<std::uint64_t> write(const fs::path& path) const {
    std::optional<File> file = File::make_if_absent(path);
    if (!file) return std::nullopt;
    file->write_at(0, std::as_bytes(std::span(text_)));
    return file_time(*file).inode;
  }

  fs::path lock_;
  TemporaryFile file_;
  std::string text_;
  std::uint64_t inode_;
};

/// Whether a lock may be taken from its owner now; false: not yet, look again. Throws where it may not.
bool may_take(const fs::path& lock, const LockContent& content, double first_beat, Candidate& candidate,
              bool from_silent) {
  const double silence = std::abs(candidate.now() - content.beat);
  if (!content.owner) return silence > kTimeToWrite;
  const FolderOwner& owner = *content.owner;
  const Liveness alive = liveness(owner);
  if (alive == Liveness::dead) return true;
  const char* const wait = "Wait for it to end, or choose another folder.";
  if (alive == Liveness::alive)
    refuse_held(lock, owner, "two jobs in one folder would destroy each other's results", wait);
  // Processes do not survive a boot. Another host may have the same name, though, and its beats would go on.
  const FolderOwner self = this_process();
  if (owner.host == self.host && owner.boot_id != self.boot_id && content.beat == first_beat)
    return silence > kTwoBeats;
  const std::string seen = fmt::format("{}; its last sign of life came {}", why_unknown(owner), ago(silence));
  if (silence < kSilence) refuse_held(lock, owner, seen, wait);
  if (from_silent) return true;
  refuse_held(lock, owner, seen,
              "If you know that it is gone, take the folder by --take-over; else choose another one.");
}

/// For `flock`: a lock that excludes others needs a file that is open for writing on NFS, where it is one of fcntl(2).
/// Where it may not be written, reading has to do. Returns nullopt when there is no such file.
std::optional<File> open_to_lock(const fs::path& lock) {
  const int descriptor = file_system().open(lock, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor >= 0) return File(descriptor, lock);
  return File::open_existing(lock, File::Mode::inspect);
}

/// Returns false when somebody else holds the file for a second, which takes it over, then. Who finds that it may not take
/// it over has it for a moment only; but on a busy machine a process may be interrupted in that moment.
bool lock_soon(const File& file) {
  constexpr int kTries = 50;
  for (int tries = 0; tries < kTries; ++tries) {
    if (::flock(file.descriptor(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return true;
    std::this_thread::sleep_for(kPause);
  }
  return false;
}

/// Whether the lock was taken over; false when it changed since it was read, or somebody else is at it. The
/// lock on the old file makes one process out of many: the others then find another file in its place.
bool take_over(const fs::path& lock, const LockContent& seen, Candidate& candidate) {
  const std::optional<File> old = open_to_lock(lock);
  if (!old) return false;
  const bool locks = ::flock(old->descriptor(), LOCK_EX | LOCK_NB) == 0;
  if (!locks && (errno == EWOULDBLOCK || errno == EINTR)) return false;
  // The order matters: the file is read anew and the inodes are compared only after the old file is locked.
  // Before that, another process may have taken the place already, and its lock would be overwritten; or the
  // owner has shown a sign of life.
  const LockContent content = read_lock(lock);
  if (file_time(*old).inode != file_time(lock).inode || content.beat != seen.beat || !content.ours ||
      content.owner.has_value() != seen.owner.has_value())
    return false;
  candidate.replace();
  // Where a file system has no such locks, or one host does not see those of another, the last process that
  // renames wins, and the others see that another file is in the place.
  if (!locks || !seen.owner || seen.owner->host != host_name()) std::this_thread::sleep_for(10 * kPause);
  return candidate.in_place();
}

}  // namespace

/// The thread of a heartbeat. It uses the open file: whatever gets the name of the lock is not touched.
class FolderLock::Heart {
 public:
  explicit Heart(const fs::path& lock) : file_(File::open_existing(lock, File::Mode::update)) {
    thread_ = start_thread("for the heartbeat of the lock", [this] { beat(); });
  }
  std::uint64_t inode() const { return file_ ? file_time(*file_).inode : 0; }
  ~Heart() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

 private:
  void beat() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kBeat, [this] { return ends_; }))
      if (file_) ::futimens(file_->descriptor(), nullptr);  // the clock is that of the file system
  }

  std::optional<File> file_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ends_ = false;
  std::thread thread_;
};

LockContent read_lock(const fs::path& path) {
  LockContent content;
  std::string text;
  const ReadResult result = read_small_file(path, kSizeLimit, text);
  content.exists = result != ReadResult::absent;
  if (result != ReadResult::ok) return content;
  content.owner = parse_lock(text);
  content.ours = content.owner.has_value() || is_torn(text);
  content.beat = file_time(path).time;
  return content;
}

Liveness owner_liveness(const fs::path& folder) {
  const LockContent first = read_lock(folder / kLockName);
  if (!first.owner) return Liveness::dead;
  const Liveness alive = liveness(*first.owner);
  if (alive != Liveness::unknown) return alive;
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const double silence = std::abs(now - first.beat);
  if (silence < kSilence) return Liveness::alive;
  // Processes of one boot have one clock. Otherwise only a beat that is seen tells.
  if (first.owner->boot_id == this_process().boot_id || silence > kClockDifference) return Liveness::dead;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(kTwoBeats);
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(10 * kPause);
    if (file_time(folder / kLockName).time != first.beat) return Liveness::alive;
  }
  return Liveness::dead;
}

FolderLock::FolderLock(fs::path path) : path_(std::move(path)), heart_(std::make_unique<Heart>(path_)) {}
FolderLock::FolderLock(FolderLock&&) noexcept = default;
FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(heart_, other.heart_);
  return *this;
}
FolderLock::~FolderLock() { release(); }

/// Tries until the lock is free, or is refused. A lock that somebody else may be about to write, or to show a
/// sign of life in, is looked at until that has had its time.
FolderLock FolderLock::acquire(const fs::path& folder, bool from_silent) {
  const fs::path lock = folder / kLockName;
  Candidate candidate(lock);
  const double first_beat = read_lock(lock).beat;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(2 * kTwoBeats);
  while (std::chrono::steady_clock::now() < end) {
    if (candidate.place()) return FolderLock(lock);
    const LockContent content = read_lock(lock);
    // A file that is not a lock is refused at once: waiting would not turn it into one.
    if (content.exists && !content.ours) refuse_foreign(lock);
    if (content.exists && may_take(lock, content, first_beat, candidate, from_silent) &&
        take_over(lock, content, candidate))
      return FolderLock(lock);
    std::this_thread::sleep_for(kPause);
  }
  throw Error(
      Category::folder_refused,
      fmt::format("the lock file '{}' changes all the time (several jobs want this folder, or something else "
                  "writes that file). Try again, or choose another run folder.",
                  lock.string()));
}

void FolderLock::release() noexcept {
  if (!heart_) return;
  // This process may have got the folder again since: a lock of its own is then in the place.
  const bool ours = heart_->inode() == file_time(path_).inode;
  heart_.reset();
  if (ours) release_lock(path_.parent_path());
}

/// Never blindly: the file may be that of another job by now, which took this process for dead or whose user
/// had removed ours by hand. Who wants to take it over locks it as well.
void release_lock(const fs::path& folder) noexcept {
  try {
    const fs::path lock = folder / kLockName;
    const std::optional<File> file = open_to_lock(lock);
    if (!file || !lock_soon(*file)) return;
    const LockContent content = read_lock(lock);
    if (content.owner && content.owner->same_process(this_process()) &&
        file_time(*file).inode == file_time(lock).inode)
      file_system().remove(lock);
  } catch (const Error&) {  // a lock that stays is found to be a dead one by the next start
  }
}

}  // namespace mpipe::detail
