// SPDX-License-Identifier: BSD-3-Clause
// Reads small files whole, and replaces files so that a reader sees the old or the new one.
#include "folder/files.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace mpipe::detail {
namespace {

namespace fs = std::filesystem;

/// 0 or the error number.
int write_all(int descriptor, const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(descriptor, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return ENOSPC;
    written += static_cast<std::size_t>(count);
  }
  return 0;
}

const char* advice(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "Make room there, or choose a run folder on another disk.";
    case EACCES:
    case EPERM:
    case EROFS:
      return "Choose a run folder that you may write to, or change the permissions.";
    default:
      return "Check the path and the file system.";
  }
}

}  // namespace

void throw_file_error(const std::string& doing, const fs::path& path, int error_number) {
  if (error_number == ENOTDIR || error_number == EEXIST)
    throw Error(
        Category::folder_refused,
        fmt::format(
            "cannot {} '{}': a file stands where a folder is needed. Choose another run folder, or move "
            "the file away.",
            doing, path.string()));
  throw Error(Category::storage_failed, fmt::format("cannot {} '{}': {}. {}", doing, path.string(),
                                                    std::strerror(error_number), advice(error_number)));
}

OpenFile::OpenFile(const fs::path& path, int flags, unsigned mode) {
  do descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode));
  while (descriptor_ < 0 && errno == EINTR);
}

int OpenFile::close() {
  if (!is_open()) return 0;
  return ::close(std::exchange(descriptor_, -1)) == 0 ? 0 : errno;
}

int create_file(const fs::path& path, const std::string& text, bool durable) {
  OpenFile file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
  if (!file.is_open()) return errno;
  int error = write_all(file.descriptor(), text);
  if (error == 0 && durable && fsync(file.descriptor()) != 0) error = errno;
  const int close_error = file.close();
  if (error == 0) error = close_error;
  if (error != 0) ::unlink(path.c_str());
  return error;
}

ReadResult read_small_file(const fs::path& path, std::size_t limit, std::string& text) {
  // Not blocking, as the path may be a pipe that nobody writes to.
  const OpenFile file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return ReadResult::absent;
    return errno == ELOOP ? ReadResult::not_a_file : ReadResult::failed;
  }
  struct stat info {};
  if (fstat(file.descriptor(), &info) != 0) return ReadResult::failed;
  if (!S_ISREG(info.st_mode)) return ReadResult::not_a_file;
  text.clear();
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(file.descriptor(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ReadResult::failed;
    if (count == 0) return ReadResult::ok;
    if (text.size() + static_cast<std::size_t>(count) > limit) return ReadResult::too_large;
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

fs::path temporary_beside(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  return path.parent_path() / fmt::format("{}.{}-{}.tmp", path.filename().string(), getpid(), counter++);
}

int replace_file(const fs::path& path, const std::string& text, bool durable) {
  const fs::path temporary = temporary_beside(path);
  int error = create_file(temporary, text, durable);
  if (error == EEXIST) {  // left behind by a process of the same number that was killed
    ::unlink(temporary.c_str());
    error = create_file(temporary, text, durable);
  }
  if (error != 0) return error;
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    error = errno;
    ::unlink(temporary.c_str());
    return error;
  }
  if (!durable) return 0;
  const OpenFile folder(path.has_parent_path() ? path.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
  if (!folder.is_open()) return errno;
  // Some file systems cannot sync a folder, and then need not.
  if (fsync(folder.descriptor()) != 0 && errno != EINVAL && errno != ENOTSUP) return errno;
  return 0;
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

}  // namespace mpipe::detail
