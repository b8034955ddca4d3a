// SPDX-License-Identifier: BSD-3-Clause
// The calls of the operating system behind `FileSystem`, and which file system is in use.
#include "base/api/file_system.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>

namespace mpipe {
namespace {

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
  return ::open(path.c_str(), flags | O_CLOEXEC, kAllThatUmaskLeaves);
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
  return ::rename(from.c_str(), to.c_str());
}

int FileSystem::link(const fs::path& from, const fs::path& to) { return ::link(from.c_str(), to.c_str()); }

int FileSystem::remove(const fs::path& path) { return ::unlink(path.c_str()); }

int FileSystem::make_folder(const fs::path& path) {
  constexpr mode_t kAllThatUmaskLeaves = 0777;
  return ::mkdir(path.c_str(), kAllThatUmaskLeaves);
}

int FileSystem::remove_folder(const fs::path& path) { return ::rmdir(path.c_str()); }

FileSystem& file_system() { return *in_use().load(); }

// Places nest: each puts back the file system that it found, so that the last one to come is the first to go.
FileSystemInPlace::FileSystemInPlace(FileSystem& other) : before_(*in_use().exchange(&other)) {}

FileSystemInPlace::~FileSystemInPlace() { in_use().store(&before_); }

}  // namespace mpipe
