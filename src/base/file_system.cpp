// SPDX-License-Identifier: BSD-3-Clause
// The calls of the operating system behind `FileSystem`, the folders that they begin in, and which file system is
// in use.
#include "base/api/file_system.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

namespace mpipe {

struct HeldFolder::Open {
  Open(int folder, std::string its_path) : descriptor(folder), path(std::move(its_path)) {}
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  ~Open() { ::close(descriptor); }

  int descriptor;
  std::string path;
};

namespace {

/// All folders that are held, the newest last. Any thread may use files.
struct HeldFolders {
  std::mutex mutex;
  std::vector<std::shared_ptr<const HeldFolder::Open>> open;
};

// Never destroyed: files are used up to the very end of the process.
HeldFolders& held_folders() {
  static auto* const folders = new HeldFolders;
  return *folders;
}

/// Where a call begins, and the path from there.
struct Place {
  std::shared_ptr<const HeldFolder::Open> held;  ///< stays open while the call uses it
  const char* path;

  int folder() const { return held ? held->descriptor : AT_FDCWD; }
};

Place place_of(const fs::path& path) {
  const std::string& text = path.native();
  HeldFolders& folders = held_folders();
  const std::lock_guard lock(folders.mutex);
  // The newest first: when a folder was made anew under its old name, the one that is there now is meant.
  for (auto each = folders.open.rbegin(); each != folders.open.rend(); ++each) {
    const std::size_t length = (*each)->path.size();
    if (!text.starts_with((*each)->path) || (text.size() > length && text[length] != '/')) continue;
    const bool is_the_folder = text.size() <= length + 1;
    return {*each, is_the_folder ? "." : text.c_str() + length + 1};
  }
  return {nullptr, text.c_str()};
}

// Made at the first use, so that code that runs before `main` may open files, too.
std::atomic<FileSystem*>& in_use() {
  static FileSystem of_the_system;
  static std::atomic<FileSystem*> current{&of_the_system};
  return current;
}

}  // namespace

int FileSystem::open(const fs::path& path, int flags) {
  constexpr mode_t kAllThatUmaskLeaves = 0666;
  // O_CLOEXEC: a program that the user's code starts must not inherit the files of a run and keep them open.
  const Place place = place_of(path);
  return ::openat(place.folder(), place.path, flags | O_CLOEXEC, kAllThatUmaskLeaves);
}

int FileSystem::close(int file) { return ::close(file); }

ssize_t FileSystem::read(int file, std::uint64_t position, std::span<std::byte> bytes) {
  return ::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(position));
}

ssize_t FileSystem::write(int file, std::uint64_t position, std::span<const std::byte> first,
                          std::span<const std::byte> second) {
  if (second.empty()) return ::pwrite(file, first.data(), first.size(), static_cast<off_t>(position));
  // iovec is not const-correct; pwritev only reads.
  const std::array<iovec, 2> parts{{{const_cast<std::byte*>(first.data()), first.size()},
                                    {const_cast<std::byte*>(second.data()), second.size()}}};
  return ::pwritev(file, parts.data(), static_cast<int>(parts.size()), static_cast<off_t>(position));
}

int FileSystem::resize(int file, std::uint64_t size) { return ::ftruncate(file, static_cast<off_t>(size)); }

int FileSystem::reserve(int file, std::uint64_t size) {
  return ::posix_fallocate(file, 0, static_cast<off_t>(size));
}

int FileSystem::sync(int file, bool data_only) { return data_only ? ::fdatasync(file) : ::fsync(file); }

int FileSystem::sync_file_system(int file) { return ::syncfs(file); }

int FileSystem::rename(const fs::path& from, const fs::path& to) {
  const Place source = place_of(from);
  const Place target = place_of(to);
  return ::renameat(source.folder(), source.path, target.folder(), target.path);
}

int FileSystem::link(const fs::path& from, const fs::path& to) {
  const Place source = place_of(from);
  const Place target = place_of(to);
  return ::linkat(source.folder(), source.path, target.folder(), target.path, 0);
}

int FileSystem::remove(const fs::path& path) {
  const Place place = place_of(path);
  return ::unlinkat(place.folder(), place.path, 0);
}

int FileSystem::make_folder(const fs::path& path) {
  constexpr mode_t kAllThatUmaskLeaves = 0777;
  const Place place = place_of(path);
  return ::mkdirat(place.folder(), place.path, kAllThatUmaskLeaves);
}

int FileSystem::remove_folder(const fs::path& path) {
  const Place place = place_of(path);
  return ::unlinkat(place.folder(), place.path, AT_REMOVEDIR);
}

HeldFolder::HeldFolder(int descriptor, fs::path path)
    : open_(std::make_shared<const Open>(descriptor, path.string())) {
  HeldFolders& folders = held_folders();
  const std::lock_guard lock(folders.mutex);
  folders.open.push_back(open_);
}

HeldFolder::~HeldFolder() {
  HeldFolders& folders = held_folders();
  const std::lock_guard lock(folders.mutex);
  std::erase(folders.open, open_);
}

fs::path path_now(const fs::path& path) {
  const Place place = place_of(path);
  if (!place.held) return path;
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/fd/" + std::to_string(place.held->descriptor), error);
  // Without /proc nobody knows a better name than the one that it had.
  return error ? path : folder / place.path;
}

FileSystem& file_system() { return *in_use().load(); }

// Places nest: each puts back the file system that it found, so that the last one to come is the first to go.
FileSystemInPlace::FileSystemInPlace(FileSystem& other) : before_(*in_use().exchange(&other)) {}

FileSystemInPlace::~FileSystemInPlace() { in_use().store(&before_); }

}  // namespace mpipe
