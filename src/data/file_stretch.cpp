// SPDX-License-Identifier: BSD-3-Clause
// Maps parts of files into memory, and notices when the file is no longer the one it was.
#include <mpipe/core/error.hpp>
#include <mpipe/data/value.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace mpipe {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& problem) {
  throw Error(Category::bad_input_file, fmt::format("the input file '{}' {}", path, problem));
}

/// An open file that is closed at the end.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0)
      refuse(path, fmt::format("cannot be opened here: {}. All ranks need to see it, under this path.",
                               std::strerror(errno)));
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  struct stat status() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0)
      refuse(path_, fmt::format("cannot be read: {}.", std::strerror(errno)));
    return status;
  }

 private:
  const std::string& path_;
  int descriptor_;
};

FileStretch stretch_of(const struct stat& status, const std::string& path, std::uint64_t offset,
                       std::uint64_t size) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return {path, offset, size, static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec};
}

/// Compares the open file, not whatever its path leads to a moment later, so that the file that was checked
/// is the one that gets mapped.
void check_same(const OpenFile& file, const FileStretch& stretch) {
  if (stretch_of(file.status(), stretch.path, stretch.offset, stretch.size) != stretch)
    refuse(
        stretch.path,
        "was changed after this run began to read it, or is another one on this host. Leave inputs as they "
        "are while a run needs them.");
}

}  // namespace

FileStretch FileStretch::of(const std::string& path, std::uint64_t offset, std::uint64_t size) {
  const OpenFile file(path);
  // Other ranks may have another working directory.
  FileStretch stretch = stretch_of(file.status(), std::filesystem::absolute(path).string(), offset, size);
  // In this order neither the sum of offset and size nor the difference can wrap around, whatever a damaged
  // file claims.
  if (size > stretch.file_bytes || offset > stretch.file_bytes - size)
    refuse(path, fmt::format("has {} bytes, but {} of them from {} on are wanted (it is damaged or cut).",
                             stretch.file_bytes, size, offset));
  return stretch;
}

void FileStretch::check_same() const { mpipe::check_same(OpenFile(path), *this); }

std::shared_ptr<const std::byte[]> FileStretch::map() const {
  const OpenFile file(path);
  mpipe::check_same(file, *this);
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  // A mapping begins at a page, and so perhaps before the stretch; it is unmapped as a whole. It outlives the
  // descriptor, which is closed at the end of this function.
  const std::uint64_t before = offset % page;
  const std::size_t length = before + size;
  void* const memory =
      ::mmap(nullptr, length, PROT_READ, MAP_SHARED, file.descriptor(), static_cast<off_t>(offset - before));
  if (memory == MAP_FAILED)
    refuse(path, fmt::format("cannot be mapped into memory: {}.", std::strerror(errno)));
  return {static_cast<const std::byte*>(memory) + before,
          [memory, length](const std::byte*) { ::munmap(memory, length); }};
}

}  // namespace mpipe
