// SPDX-License-Identifier: BSD-3-Clause
// Digests of files, which are kept while the files stay as they are: many functions may be one program.
#include "document/command/file_digest.hpp"

#include "core/api/hash.hpp"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <vector>

namespace mpipe::detail {
namespace {

constexpr std::uint64_t kLargest = std::uint64_t{256} << 20;  // of what is read, in bytes
constexpr std::size_t kPiece = std::size_t{1} << 20;

std::uint64_t digest_of_bytes(const File& file) {
  std::uint64_t hash = fnv1a_start;
  std::vector<std::byte> piece(kPiece);
  for (std::uint64_t at = 0;;) {
    const std::size_t count = file.read_some_at(at, piece);
    if (count == 0) return hash;
    hash = fnv1a(std::span(piece).first(count), hash);
    at += count;
  }
}

}  // namespace

std::string file_digest(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  // The times of the file and of its entry: programs that copy files may set the first one back.
  const std::string state = fmt::format("{} bytes, changed at {}.{:09}", status.st_size,
                                        status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  const std::string key = fmt::format("{} {} {} {}.{}", state, status.st_dev, status.st_ino,
                                      status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
  if (static_cast<std::uint64_t>(status.st_size) > kLargest || ::access(path.c_str(), R_OK) != 0)
    return state;
  static std::mutex mutex;
  static std::map<std::string, std::string> known;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = known.try_emplace(key);
  if (is_new) {
    const auto file = File::open_existing(path, File::Mode::read);
    if (file) entry->second = fmt::format("{:016x}", digest_of_bytes(*file));
  }
  return entry->second;
}

}  // namespace mpipe::detail
