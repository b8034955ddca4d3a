// SPDX-License-Identifier: BSD-3-Clause
// A disk in a folder: remembers of each unsynced change what was there before, and makes an image without it.
#include "support/simulated_disk.hpp"

#include "core/api/hash.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace mpipe::test {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kSector = 512;

struct stat status_of(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0)
    throw std::runtime_error("a file of the simulated disk cannot be looked at");
  return status;
}

std::vector<std::byte> contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::byte> bytes(fs::file_size(path));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

ino_t inode_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw std::runtime_error("cannot look at " + path.string());
  return status.st_ino;
}

/// Without what a temporary name has of its own.
std::string name_of(const fs::path& path) {
  return path.extension() == ".tmp" ? path.stem().stem().string() + ".tmp" : path.filename().string();
}

}  // namespace

SimulatedDisk::SimulatedDisk(fs::path root, fs::path image, DiskFaults faults, std::uint64_t seed)
    : root_(std::move(root)),
      image_(std::move(image)),
      saved_(root_.string() + ".saved"),
      faults_(std::move(faults)),
      seed_(seed),
      random_(seed) {
  fs::create_directories(root_);
  fs::create_directories(saved_);
}

SimulatedDisk::~SimulatedDisk() {
  std::error_code ignored;
  fs::remove_all(saved_, ignored);
}

bool SimulatedDisk::on_disk(const fs::path& path) const {
  return path.native().starts_with(root_.native() + "/");
}

int SimulatedDisk::fail(int code) {
  errno = code;
  return -1;
}

/// Precondition of this and all that follows: the mutex is held.
int SimulatedDisk::begin(std::string_view operation, const fs::path& path, bool takes_space,
                         std::uint64_t position) {
  if (stopped_) return EIO;
  ++count_;
  if (watch) watch(operation, path, position);
  if (count_ == faults_.stop_at) {
    make_image();
    stopped_ = true;
    return EIO;
  }
  const bool fails = count_ >= faults_.fail_from && count_ - faults_.fail_from < faults_.fail_count &&
                     (faults_.code != ENOSPC || takes_space) && (!faults_.hits || faults_.hits());
  failed_ = failed_ || fails;
  return fails ? faults_.code : 0;
}

bool SimulatedDisk::comes_short() {
  return faults_.one_short_in != 0 && random_() % faults_.one_short_in == 0;
}

/// Bytes of the file from `begin` to `end` are about to change, and its size perhaps.
void SimulatedDisk::remember(int file, std::uint64_t begin, std::uint64_t end) {
  if (faults_.stop == Stop::kill) return;
  const struct stat status = status_of(file);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  Unsynced& known = unsynced_.try_emplace(status.st_ino, Unsynced{size, {}}).first->second;
  for (std::uint64_t page = begin / kPage; page * kPage < std::min(end, size); ++page) {
    const auto [old, is_new] = known.pages.try_emplace(page);
    if (!is_new) continue;
    old->second.resize(std::min(kPage, size - page * kPage));
    if (::pread(file, old->second.data(), old->second.size(), static_cast<off_t>(page * kPage)) !=
        static_cast<ssize_t>(old->second.size()))
      throw std::runtime_error("a file of the simulated disk cannot be read");
  }
  // Pages that were not there before had no bytes.
  for (std::uint64_t page = std::max(begin, size) / kPage; page * kPage < end; ++page)
    known.pages.try_emplace(page);
}

fs::path SimulatedDisk::save(const fs::path& path) {
  if (faults_.stop == Stop::kill) return {};
  fs::path name = saved_ / std::to_string(files_saved_++);
  return ::link(path.c_str(), name.c_str()) == 0 ? name : fs::path();
}

void SimulatedDisk::note(NameChange change) {
  if (faults_.stop != Stop::kill) changes_.push_back(std::move(change));
}

int SimulatedDisk::open(const fs::path& path, int flags) {
  const std::lock_guard lock(mutex_);
  std::error_code ignored;
  const bool is_ours = on_disk(path);
  const bool makes = is_ours && (flags & O_CREAT) != 0 && !fs::exists(fs::symlink_status(path, ignored));
  if (makes)
    if (const int code = begin("open", path, true)) return fail(code);
  const bool empties = is_ours && !makes && (flags & O_TRUNC) != 0;
  if (empties)
    if (const int code = begin("empty", path, false)) return fail(code);
  const int file = FileSystem::open(path, empties ? flags & ~O_TRUNC : flags);
  if (file < 0) return file;
  paths_[file] = path;
  if (makes) note({NameChange::Kind::made, path, {}, {}});
  if (makes) {
    unsynced_.erase(status_of(file).st_ino);  // of a file that was there before, and is gone
    remember(file, 0, 0);
  }
  if (empties) {
    remember(file, 0, static_cast<std::uint64_t>(status_of(file).st_size));
    FileSystem::resize(file, 0);
  }
  return file;
}

int SimulatedDisk::close(int file) {
  const std::lock_guard lock(mutex_);
  paths_.erase(file);
  return FileSystem::close(file);
}

ssize_t SimulatedDisk::read(int file, std::uint64_t position, std::span<std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes.size() > 1 && comes_short()) bytes = bytes.first(bytes.size() / 2);
  return FileSystem::read(file, position, bytes);
}

ssize_t SimulatedDisk::write(int file, std::uint64_t position, std::span<const std::byte> first,
                             std::span<const std::byte> second) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(paths_[file])) return FileSystem::write(file, position, first, second);
  std::size_t size = first.size() + second.size();
  const bool is_last = !stopped_ && count_ + 1 == faults_.stop_at;
  if (is_last) {  // a part of it still gets through
    size = random_() % (size + 1);
  } else {
    if (const int code = begin("write", paths_[file], true, position)) return fail(code);
    if (size > 1 && comes_short()) size /= 2;
  }
  remember(file, position, position + size);
  const std::size_t of_first = std::min(size, first.size());
  const ssize_t written =
      FileSystem::write(file, position, first.first(of_first), second.first(size - of_first));
  if (is_last) return fail(begin("write", paths_[file], true, position));
  if (faults_.lie == DiskLie::short_write) return static_cast<ssize_t>(first.size() + second.size());
  return written;
}

int SimulatedDisk::resize(int file, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(paths_[file])) return FileSystem::resize(file, size);
  if (const int code = begin("resize", paths_[file], true)) return fail(code);
  remember(file, size, static_cast<std::uint64_t>(status_of(file).st_size));
  return FileSystem::resize(file, size);
}

int SimulatedDisk::reserve(int file, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(paths_[file])) return FileSystem::reserve(file, size);
  if (const int code = begin("reserve", paths_[file], true)) return code;
  remember(file, 0, 0);
  // Only as long: what blocks it takes is nothing that this disk could lose.
  return static_cast<std::uint64_t>(status_of(file).st_size) < size && FileSystem::resize(file, size) != 0
             ? errno
             : 0;
}

int SimulatedDisk::sync(int file, bool) {
  const std::lock_guard lock(mutex_);
  const fs::path path = paths_[file];
  if (const int code = begin("sync", path, false)) return fail(code);
  if (faults_.lie == DiskLie::sync) return 0;
  const struct stat status = status_of(file);
  unsynced_.erase(status.st_ino);
  if (S_ISDIR(status.st_mode))
    std::erase_if(changes_, [&](const NameChange& change) { return change.from.parent_path() == path; });
  return 0;  // a simulated power failure spares the disk of the test
}

int SimulatedDisk::sync_file_system(int file) {
  const std::lock_guard lock(mutex_);
  if (const int code = begin("sync_file_system", paths_[file], false)) return fail(code);
  if (faults_.lie == DiskLie::sync) return 0;
  unsynced_.clear();
  changes_.clear();
  return 0;
}

int SimulatedDisk::rename(const fs::path& from, const fs::path& to) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(from)) return FileSystem::rename(from, to);
  if (const int code = begin("rename", to, false)) return fail(code);
  const fs::path before = save(to);
  const int result = FileSystem::rename(from, to);
  if (result == 0) note({NameChange::Kind::renamed, from, to, before});
  return result;
}

int SimulatedDisk::link(const fs::path& from, const fs::path& to) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(from)) return FileSystem::link(from, to);
  if (const int code = begin("link", to, true)) return fail(code);
  const int result = FileSystem::link(from, to);
  if (result == 0) note({NameChange::Kind::made, to, {}, {}});
  return result;
}

int SimulatedDisk::remove(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(path)) return FileSystem::remove(path);
  if (const int code = begin("remove", path, false)) return fail(code);
  const fs::path before = save(path);
  const int result = FileSystem::remove(path);
  if (result == 0) note({NameChange::Kind::removed, path, {}, before});
  return result;
}

int SimulatedDisk::make_folder(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(path)) return FileSystem::make_folder(path);
  if (const int code = begin("make_folder", path, true)) return fail(code);
  const int result = FileSystem::make_folder(path);
  if (result == 0) note({NameChange::Kind::made_folder, path, {}, {}});
  return result;
}

int SimulatedDisk::remove_folder(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  if (!on_disk(path)) return FileSystem::remove_folder(path);
  if (const int code = begin("remove_folder", path, false)) return fail(code);
  const int result = FileSystem::remove_folder(path);
  if (result == 0) note({NameChange::Kind::removed_folder, path, {}, {}});
  return result;
}

// ---------------------------------------------------------------------------------------------------------

void SimulatedDisk::make_image() {
  fs::create_directories(image_);
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    const fs::path to = in_image(entry.path());
    if (entry.is_directory())
      fs::create_directories(to);
    else
      copy_file(entry.path(), to);
  }
  if (faults_.stop == Stop::kill) return;
  // A file system changes names in their order, so that the last ones are lost.
  const std::size_t kept = faults_.stop == Stop::power ? 0 : random_() % (changes_.size() + 1);
  for (std::size_t k = changes_.size(); k > kept; --k) undo(changes_[k - 1]);
}

void SimulatedDisk::undo(const NameChange& change) {
  const fs::path from = in_image(change.from);
  switch (change.kind) {
    case NameChange::Kind::made:
    case NameChange::Kind::made_folder:
      fs::remove_all(from);
      return;
    case NameChange::Kind::renamed:
      if (fs::exists(in_image(change.to))) fs::rename(in_image(change.to), from);
      if (!change.saved.empty()) copy_file(change.saved, in_image(change.to));
      return;
    case NameChange::Kind::removed:
      if (!change.saved.empty() && fs::exists(from.parent_path())) copy_file(change.saved, from);
      return;
    case NameChange::Kind::removed_folder:
      fs::create_directories(from);
      return;
  }
}

/// As the disk has it.
void SimulatedDisk::copy_file(const fs::path& from, const fs::path& to) {
  std::vector<std::byte> bytes = contents(from);
  const auto unsynced = unsynced_.find(inode_of(from));
  if (faults_.stop != Stop::kill && unsynced != unsynced_.end())
    bytes = after_power_failure(std::move(bytes), unsynced->second, name_of(to));
  std::ofstream(to, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::byte> SimulatedDisk::after_power_failure(std::vector<std::byte> bytes,
                                                          const Unsynced& unsynced, const std::string& name) {
  // Of the name, as nobody knows in which order a folder lists its files.
  std::mt19937_64 random(seed_ ^ fnv1a(name));
  const bool is_torn = faults_.stop == Stop::torn;
  const bool keeps_size = is_torn && random() % 2 == 0;
  if (!keeps_size && bytes.size() < unsynced.size) bytes.resize(unsynced.size);
  for (const auto& [page, old] : unsynced.pages) {
    // Sectors of the page up to `from`, or those from there on, are lost; all of them, or none.
    const std::uint64_t sectors = kPage / kSector;
    const std::uint64_t from = is_torn ? random() % (2 * sectors + 1) : 0;
    const bool loses_front = is_torn && random() % 2 == 0;
    for (std::uint64_t sector = 0; sector < sectors; ++sector) {
      if ((sector < from) != loses_front) continue;
      const std::uint64_t in_page = sector * kSector;
      for (std::uint64_t at = in_page; at < in_page + kSector && page * kPage + at < bytes.size(); ++at)
        bytes[page * kPage + at] = at < old.size() ? old[at] : std::byte{0};
    }
  }
  if (!keeps_size) bytes.resize(unsynced.size);
  return bytes;
}

}  // namespace mpipe::test
