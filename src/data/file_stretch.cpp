// SPDX-License-Identifier: BSD-3-Clause
// Reads parts of files piece by piece, and notices when the file is no longer the one it was.
#include <mpipe/core/error.hpp>
#include <mpipe/data/value.hpp>

#include "data/input_state.hpp"
#include "data/piece_digests.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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
  explicit OpenFile(std::string path)
      : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0)
      refuse(path_, fmt::format("cannot be opened here: {}. All ranks need to see it, under this path.",
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
  std::string path_;
  int descriptor_;
};

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  return time.tv_sec * kNanoseconds + time.tv_nsec;
}

FileStretch stretch_of(const struct stat& status, const std::string& path, std::uint64_t offset,
                       std::uint64_t size) {
  return {path, offset, size, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim)};
}

[[noreturn]] void refuse_changed(const std::string& path) {
  refuse(path,
         "was changed after this run began to read it, or is another one on this host (values of both would "
         "be mixed). Leave inputs as they are while a run needs them, then start again.");
}

/// Compares the open file, not whatever its path leads to a moment later, so that the file that was checked
/// is the one that is read.
void check_same(const OpenFile& file, const FileStretch& stretch) {
  if (stretch_of(file.status(), stretch.path, stretch.offset, stretch.size) != stretch)
    refuse_changed(stretch.path);
}

/// The values of a stretch. The bytes are copied and not mapped, since a mapping changes when somebody writes
/// to the file, and ends the program when somebody cuts it.
class FileSource final : public ArraySource {
 public:
  FileSource(FileStretch stretch, std::size_t element_bytes)
      : stretch_(std::move(stretch)),
        file_(stretch_.path),
        element_bytes_(element_bytes),
        digests_(piece(), element_bytes),
        state_changed_ns_(nanoseconds(file_.status().st_ctim)) {
    mpipe::check_same(file_, stretch_);
  }

  const FileStretch& stretch() const { return stretch_; }
  Index piece() const override {
    constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
    return static_cast<Index>(std::max<std::size_t>(1, kPieceBytes / element_bytes_));
  }
  void read(IndexRange elements, std::byte* to) const override {
    copy(elements, to);
    // Only now: a file that has not changed until here had not changed when the bytes were copied either.
    check_unchanged();
    digests_.note(elements, {to, static_cast<std::size_t>(elements.size()) * element_bytes_});
  }
  /// A file that was removed stays as long as it is open, and so is still the same. Another one in its place
  /// is not.
  void check_same() const override {
    check_unchanged();
    struct stat now {};
    if (::stat(stretch_.path.c_str(), &now) != 0) return;
    const struct stat read = file_.status();
    if (now.st_ino != read.st_ino || now.st_dev != read.st_dev)
      refuse(
          stretch_.path,
          "was replaced by another file while this run read it (the results are of the former one). Put that "
          "back, or start a new run.");
    stretch_.check_same();
  }

 private:
  void copy(IndexRange elements, std::byte* to) const {
    std::uint64_t at = stretch_.offset + static_cast<std::uint64_t>(elements.begin) * element_bytes_;
    std::size_t left = static_cast<std::size_t>(elements.size()) * element_bytes_;
    while (left > 0) {
      const ssize_t count = ::pread(file_.descriptor(), to, left, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) refuse(stretch_.path, fmt::format("cannot be read: {}.", std::strerror(errno)));
      if (count == 0) refuse(stretch_.path, "was cut while this run read it. Restore it, then start again.");
      to += count;
      at += static_cast<std::uint64_t>(count);
      left -= static_cast<std::size_t>(count);
    }
  }

  /// Who rewrites a file may give it its old time of writing (rsync -t, touch -r), but not the time at which its
  /// state changed. That also tells of other rights and names, which do no harm: what was read is compared.
  void check_unchanged() const {
    mpipe::check_same(file_, stretch_);
    const std::int64_t now = nanoseconds(file_.status().st_ctim);
    if (now == state_changed_ns_) return;
    if (!digests_.same([&](IndexRange elements, std::byte* to) { copy(elements, to); }))
      refuse_changed(stretch_.path);
    state_changed_ns_ = now;
  }

  FileStretch stretch_;
  OpenFile file_;
  std::size_t element_bytes_;
  mutable detail::PieceDigests digests_;
  mutable std::atomic<std::int64_t> state_changed_ns_;
};

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

std::int64_t detail::state_changed_ns(const std::string& path) {
  return nanoseconds(OpenFile(path).status().st_ctim);
}

void detail::refuse_changed_input(const std::string& path) { refuse_changed(path); }

void FileStretch::check_same() const { mpipe::check_same(OpenFile(path), *this); }

Value Value::from_file(const ElementType& type, Shape shape, FileStretch stretch) {
  const auto count = static_cast<std::uint64_t>(element_count(shape));
  if (!type.fixed_size() || stretch.size % type.size != 0 || stretch.size / type.size != count)
    throw Bug("Value::from_file: the bytes do not fit the shape");
  return from_source(type, std::move(shape), std::make_shared<FileSource>(std::move(stretch), type.size));
}

const FileStretch* Value::file() const {
  const auto* const source = dynamic_cast<const FileSource*>(this->source());
  return source == nullptr ? nullptr : &source->stretch();
}

}  // namespace mpipe
