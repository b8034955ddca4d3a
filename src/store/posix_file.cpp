// SPDX-License-Identifier: BSD-3-Clause
// Calls of the operating system on files, each of them checked.
#include "store/posix_file.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

namespace mpipe {
namespace {

[[noreturn]] void throw_system_error(const char* action, const fs::path& path, int code) {
  const char* mend = "";
  if (code == ENOSPC || code == EDQUOT) mend = " Make room, then resume the run.";
  if (code == EACCES || code == EPERM || code == EROFS) mend = " Choose a folder that you may write to.";
  throw Error(Category::storage_failed, fmt::format("cannot {} '{}': {} (results cannot be kept).{}", action,
                                                    path.string(), std::strerror(code), mend));
}

int flags_of(PosixFile::Mode mode) {
  switch (mode) {
    case PosixFile::Mode::read:
      return O_RDONLY | O_CLOEXEC;
    case PosixFile::Mode::update:
      return O_RDWR | O_CLOEXEC;
    case PosixFile::Mode::create:
      return O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
  }
  throw Error(Category::storage_failed, "unknown file mode");
}

int open_descriptor(const fs::path& path, PosixFile::Mode mode) {
  constexpr mode_t kAllThatUmaskLeaves = 0666;
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags_of(mode), kAllThatUmaskLeaves);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

}  // namespace

PosixFile::PosixFile(const fs::path& path, Mode mode)
    : descriptor_(open_descriptor(path, mode)), path_(path) {
  if (descriptor_ < 0) throw_system_error(mode == Mode::create ? "create" : "open", path, errno);
}

std::optional<PosixFile> PosixFile::open_existing(const fs::path& path, Mode mode) {
  const int descriptor = open_descriptor(path, mode);
  if (descriptor >= 0) return PosixFile(descriptor, path);
  if (errno == ENOENT) return std::nullopt;
  throw_system_error("open", path, errno);
}

PosixFile::PosixFile(PosixFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

PosixFile& PosixFile::operator=(PosixFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

PosixFile::~PosixFile() {
  if (descriptor_ >= 0) ::close(descriptor_);  // what matters was synced, and checked, before
}

void PosixFile::write_at(std::uint64_t position, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_system_error("write to", path_, written == 0 ? EIO : errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    position += static_cast<std::uint64_t>(written);
  }
}

void PosixFile::write_at(std::uint64_t position, std::span<const std::byte> first,
                         std::span<const std::byte> second) {
  // iovec is not const-correct; pwritev only reads.
  const std::array<iovec, 2> parts{{{const_cast<std::byte*>(first.data()), first.size()},
                                    {const_cast<std::byte*>(second.data()), second.size()}}};
  ssize_t written = -1;
  do {
    written =
        ::pwritev(descriptor_, parts.data(), static_cast<int>(parts.size()), static_cast<off_t>(position));
  } while (written < 0 && errno == EINTR);
  if (written < 0) throw_system_error("write to", path_, errno);
  const auto done = static_cast<std::size_t>(written);
  const std::size_t of_first = std::min(done, first.size());
  write_at(position + of_first, first.subspan(of_first));
  write_at(position + std::max(done, first.size()), second.subspan(done - of_first));
}

std::size_t PosixFile::read_some_at(std::uint64_t position, std::span<std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error("read", path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void PosixFile::read_at(std::uint64_t position, std::span<std::byte> bytes) const {
  if (read_some_at(position, bytes) != bytes.size())
    throw Error(Category::storage_failed,
                fmt::format("'{}' ends before byte {} (it was cut short, or is not the file it should be).",
                            path_.string(), position + bytes.size()));
}

std::uint64_t PosixFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw_system_error("look at", path_, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

void PosixFile::resize(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) throw_system_error("resize", path_, errno);
}

void PosixFile::reserve(std::uint64_t size) {
  if (size == 0) return;
  int code = 0;
  do {
    code = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size));
  } while (code == EINTR);
  if (code == 0) return;
  if (code != ENOSPC && code != EDQUOT && code != EFBIG) throw_system_error("reserve room for", path_, code);
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

void PosixFile::sync_data() {
  if (::fdatasync(descriptor_) != 0) throw_system_error("sync", path_, errno);
}

void PosixFile::sync() {
  if (::fsync(descriptor_) != 0) throw_system_error("sync", path_, errno);
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw_system_error("open", folder, errno);
  const int result = ::fsync(descriptor);
  const int code = errno;
  ::close(descriptor);
  // Some file systems cannot sync a folder, and say so with EINVAL.
  if (result != 0 && code != EINVAL) throw_system_error("sync", folder, code);
}

void rename_file(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw_system_error("rename to", to, errno);
}

void remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_system_error("remove", path, errno);
}

void remove_folder(const fs::path& path) {
  // A folder with files that are not ours stays.
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
    throw_system_error("remove", path, errno);
}

void make_folder(const fs::path& path) {
  constexpr mode_t kAllThatUmaskLeaves = 0777;
  if (::mkdir(path.c_str(), kAllThatUmaskLeaves) != 0 && errno != EEXIST)
    throw_system_error("make", path, errno);
}

std::vector<std::string> list_folder(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code))
    names.push_back(at->path().filename().string());
  if (code && code != std::errc::no_such_file_or_directory) throw_system_error("list", folder, code.value());
  std::sort(names.begin(), names.end());
  return names;
}

fs::path temporary_path(const fs::path& path) {
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
        found.ends_with(".tmp"))
      remove_file(path.parent_path() / found);
}

void write_file_atomically(const fs::path& path, std::span<const std::byte> bytes, bool sync) {
  const fs::path temporary = temporary_path(path);
  try {
    PosixFile file(temporary, PosixFile::Mode::create);
    file.write_at(0, bytes);
    if (sync) file.sync();
    rename_file(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (sync) sync_folder(path.parent_path());
}

std::optional<std::vector<std::byte>> read_whole_file(const fs::path& path, std::uint64_t limit) {
  const std::optional<PosixFile> file = PosixFile::open_existing(path, PosixFile::Mode::read);
  if (!file) return std::nullopt;
  const std::uint64_t size = file->size();
  if (size > limit)
    throw Error(Category::storage_failed,
                fmt::format("'{}' has {} (more than such a file can have: it is damaged).", path.string(),
                            readable_size(size)));
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  bytes.resize(file->read_some_at(0, bytes));
  return bytes;
}

std::string readable_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"bytes", "kB", "MB", "GB", "TB", "PB"};
  constexpr double kStep = 1000;
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= kStep && unit + 1 < kUnits.size(); ++unit) size /= kStep;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

}  // namespace mpipe
