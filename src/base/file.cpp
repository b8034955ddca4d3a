// SPDX-License-Identifier: BSD-3-Clause
// Open files over a `FileSystem`: calls are repeated where they were cut short, and checked.
#include "base/api/file.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

namespace mpipe {
namespace {

const char* advice(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "Make room there, then resume the run, or choose a run folder on another disk.";
    case EACCES:
    case EPERM:
    case EROFS:
      return "Choose a folder that you may write to, or change the permissions.";
    default:
      return "Check the path and the file system.";
  }
}

int flags_of(File::Mode mode) {
  switch (mode) {
    case File::Mode::read:
      return O_RDONLY;
    case File::Mode::update:
      return O_RDWR;
    case File::Mode::create:
      return O_RDWR | O_CREAT | O_TRUNC;
    case File::Mode::make:
      // The file is new for certain: a link that somebody put there is never written through.
      return O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    case File::Mode::inspect:
      // Opening a pipe that nobody writes to would wait forever without O_NONBLOCK.
      return O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  }
  throw Bug("a mode of files that does not exist");
}

// A signal may interrupt the opening on a network file system, which is no fault of the file.
int open_descriptor(const fs::path& path, File::Mode mode) {
  int descriptor = -1;
  do descriptor = file_system().open(path, flags_of(mode));
  while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

}  // namespace

File::File(const fs::path& path, Mode mode) : descriptor_(open_descriptor(path, mode)), path_(path) {
  const bool makes = mode == Mode::create || mode == Mode::make;
  if (descriptor_ < 0) throw_file_error(makes ? "create" : "open", path, errno);
}

std::optional<File> File::open_existing(const fs::path& path, Mode mode) {
  const int descriptor = open_descriptor(path, mode);
  if (descriptor >= 0) return File(descriptor, path);
  if (errno == ENOENT) return std::nullopt;
  throw_file_error("open", path, errno);
}

std::optional<File> File::make_if_absent(const fs::path& path) {
  const int descriptor = open_descriptor(path, Mode::make);
  if (descriptor >= 0) return File(descriptor, path);
  if (errno == EEXIST) return std::nullopt;
  throw_file_error("create", path, errno);
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

// The file that this one had before is closed by the destructor of `other`.
File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) file_system().close(descriptor_);  // what matters was synced, and checked, before
}

void File::write_at(std::uint64_t position, std::span<const std::byte> bytes) {
  write_at(position, bytes, {});
}

void File::write_at(std::uint64_t position, std::span<const std::byte> first,
                    std::span<const std::byte> second) {
  // A call may take less than it was given, and the loop goes on behind what it took. A call that takes no
  // byte and reports no error would repeat forever, so that it counts as an error.
  while (!first.empty() || !second.empty()) {
    const ssize_t written = file_system().write(descriptor_, position, first, second);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_file_error("write to", path_, written == 0 ? EIO : errno);
    const auto done = static_cast<std::size_t>(written);
    const std::size_t of_first = std::min(done, first.size());
    first = first.subspan(of_first);
    second = second.subspan(done - of_first);
    position += done;
  }
}

std::size_t File::read_some_at(std::uint64_t position, std::span<std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = file_system().read(descriptor_, position + done, bytes.subspan(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_file_error("read", path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void File::read_at(std::uint64_t position, std::span<std::byte> bytes) const {
  if (read_some_at(position, bytes) != bytes.size())
    throw Error(Category::storage_failed,
                fmt::format("'{}' ends before byte {} (it was cut short, or is not the file it should be).",
                            path_.string(), position + bytes.size()));
}

std::uint64_t File::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw_file_error("look at", path_, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

bool File::is_regular() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw_file_error("look at", path_, errno);
  return S_ISREG(status.st_mode);
}

void File::resize(std::uint64_t size) {
  if (file_system().resize(descriptor_, size) != 0) throw_file_error("resize", path_, errno);
}

bool File::can_grow_to(std::uint64_t size) {
  if (file_system().resize(descriptor_, size) == 0) return true;
  if (errno == EFBIG || errno == EINVAL) return false;
  throw_file_error("resize", path_, errno);
}

void File::reserve(std::uint64_t size) {
  if (size == 0) return;
  int code = 0;
  // posix_fallocate returns its error, and leaves errno alone.
  do code = file_system().reserve(descriptor_, size);
  while (code == EINTR);
  if (code == 0) return;
  if (code != ENOSPC && code != EDQUOT && code != EFBIG) throw_file_error("reserve room for", path_, code);
  struct statvfs room {};
  std::string have;
  if (::statvfs(path_.c_str(), &room) == 0)
    have = ", " + readable_size(static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize) + " are free";
  throw Error(
      Category::storage_failed,
      fmt::format(
          "there is no room for the results: {} are needed in '{}'{}: {} (room is taken before the run, so "
          "that nothing is lost in it). Make room, or choose another run folder.",
          readable_size(size), path_.parent_path().string(), have, std::strerror(code)));
}

void File::sync_data() {
  if (file_system().sync(descriptor_, true) != 0) throw_file_error("sync", path_, errno);
}

void File::sync() {
  if (file_system().sync(descriptor_, false) != 0) throw_file_error("sync", path_, errno);
}

fs::path resolve_path(const fs::path& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error)
    throw Error(
        Category::storage_failed,
        fmt::format("'{}' cannot be found from the working directory: {} (a path that does not begin with "
                    "a slash begins there; it may have been deleted). Go to another directory, or give "
                    "an absolute path.",
                    path.string(), error.message()));
  // This asks the system for the part that exists, in which `..` may lead elsewhere than its text says. The rest
  // has no links, and is a matter of text.
  const fs::path resolved = fs::weakly_canonical(absolute, error);
  if (error) throw_file_error("find", path, error.value());
  return resolved.has_filename() ? resolved : resolved.parent_path();
}

HeldFolder hold_folder(const fs::path& path) {
  const int descriptor = file_system().open(path, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) throw_file_error("open", path, errno);
  return {descriptor, path};
}

namespace {

/// Opens a folder for a call that has the disk take something, and returns what that says.
template <class Sync>
void with_folder(const fs::path& folder, const Sync& sync) {
  const fs::path path = folder.empty() ? fs::path(".") : folder;
  const int descriptor = file_system().open(path, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) throw_file_error("open", path, errno);
  const int result = sync(descriptor);
  // Taken before the folder is closed, as closing may set errno anew.
  const int code = errno;
  file_system().close(descriptor);
  // Some file systems cannot sync a folder, say so by one of these, and then need not.
  if (result != 0 && code != EINVAL && code != ENOTSUP) throw_file_error("sync", path, code);
}

}  // namespace

// A folder is synced as a file is: its contents are the names.
void sync_folder(const fs::path& folder) {
  with_folder(folder, [](int descriptor) { return file_system().sync(descriptor, false); });
}

void sync_file_system(const fs::path& folder) {
  with_folder(folder, [](int descriptor) { return file_system().sync_file_system(descriptor); });
}

void rename_file(const fs::path& from, const fs::path& to) {
  if (file_system().rename(from, to) != 0) throw_file_error("rename to", to, errno);
}

void remove_file(const fs::path& path) {
  if (file_system().remove(path) != 0 && errno != ENOENT) throw_file_error("remove", path, errno);
}

void remove_folder(const fs::path& path) {
  // A folder with files that are not ours stays.
  if (file_system().remove_folder(path) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
    throw_file_error("remove", path, errno);
}

// A folder that is there already will do. A file in its place is noticed when something is opened below it.
void make_folder(const fs::path& path) {
  if (file_system().make_folder(path) != 0 && errno != EEXIST) throw_file_error("make", path, errno);
}

std::vector<std::string> list_folder(const fs::path& folder) {
  std::vector<std::string> names;
  const int descriptor = file_system().open(folder, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0 && errno == ENOENT) return names;
  DIR* const entries = descriptor < 0 ? nullptr : ::fdopendir(descriptor);  // owns the descriptor
  if (entries == nullptr) throw_file_error("list", folder, errno);
  errno = 0;
  for (const dirent* entry = ::readdir(entries); entry != nullptr; entry = ::readdir(entries))
    if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
  const int code = errno;
  ::closedir(entries);
  if (code != 0) throw_file_error("list", folder, code);
  // File systems list names in any order; sorted, they are the same list for every rank and every run.
  std::sort(names.begin(), names.end());
  return names;
}

fs::path temporary_path(const fs::path& path) {
  // Nobody can guess it, so that nobody can put a link there; and two processes never choose the same.
  std::random_device random;
  fs::path name = path;
  name += fmt::format(".{:08x}{:08x}.tmp", random(), random());
  return name;
}

void remove_temporaries(const fs::path& path) {
  constexpr std::size_t kSuffixLength = 1 + 16 + 4;  // ".", the digits, ".tmp"
  const std::string name = path.filename().string();
  for (const std::string& found : list_folder(path.parent_path()))
    if (found.size() == name.size() + kSuffixLength && found.starts_with(name + ".") &&
        found.ends_with(".tmp") &&
        found.find_first_not_of("0123456789abcdef", name.size() + 1) == found.size() - 4)
      remove_file(path.parent_path() / found);
}

TemporaryFile::~TemporaryFile() {
  // Whoever is on the way out with an error has that to tell; the next start removes what stays.
  if (!kept_) file_system().remove(path_);
}

void TemporaryFile::keep(bool sync) {
  // With `sync`, the caller has synced the contents before. The folder is synced after the rename, since it
  // is the new name that has to survive a power failure.
  rename_file(path_, target_);
  kept_ = true;
  if (sync) sync_folder(target_.parent_path());
}

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes, bool sync) {
  TemporaryFile temporary(path);
  {
    File file(temporary.path(), File::Mode::make);
    file.write_at(0, bytes);
    // Before the rename: a name that survives a power failure must not lead to bytes that do not.
    if (sync) file.sync();
  }
  temporary.keep(sync);
}

void write_file_atomically(const fs::path& path, std::string_view text, bool sync) {
  write_file_atomically(path, std::as_bytes(std::span(text)), sync);
}

ReadResult read_small_file(const fs::path& path, std::size_t limit, std::string& text) {
  const int descriptor = open_descriptor(path, File::Mode::inspect);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return ReadResult::absent;
    if (errno == ELOOP) return ReadResult::not_a_file;
    throw_file_error("open", path, errno);
  }
  const File file(descriptor, path);
  // The open file is asked, and not its name, which may belong to another file by now.
  if (!file.is_regular()) return ReadResult::not_a_file;
  // One byte more than it may have: the file may grow meanwhile.
  text.resize(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), limit)) + 1);
  text.resize(file.read_some_at(0, std::as_writable_bytes(std::span(text))));
  return text.size() > limit ? ReadResult::too_large : ReadResult::ok;
}

std::string readable_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"bytes", "kB", "MB", "GB", "TB", "PB"};
  constexpr double kStep = 1000;
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= kStep && unit + 1 < kUnits.size(); ++unit) size /= kStep;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

void throw_file_error(std::string_view action, const fs::path& path, int code) {
  if (code == ENOTDIR || code == EEXIST)
    throw Error(
        Category::folder_refused,
        fmt::format("cannot {} '{}': a file stands where a folder is needed. Choose another run folder, "
                    "or move the file away.",
                    action, path.string()));
  throw Error(Category::storage_failed, fmt::format("cannot {} '{}': {}. {}", action, path.string(),
                                                    std::strerror(code), advice(code)));
}

}  // namespace mpipe
