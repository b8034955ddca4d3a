// SPDX-License-Identifier: BSD-3-Clause
// Opens input files, and says in one way what is wrong with one.
#include "data/api/input_file.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <unistd.h>

namespace mpipe::detail {

namespace fs = std::filesystem;

namespace {

std::uint64_t half_of_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  constexpr std::uint64_t kFallback = std::uint64_t{1} << 33U;  // 8 GiB
  if (pages <= 0 || page <= 0) return kFallback;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) / 2;
}

}  // namespace

void refuse_file(const fs::path& file, const std::string& problem) {
  throw Error(Category::bad_input_file, fmt::format("the file '{}' {}", file.string(), problem));
}

/// A stream opens a directory without complaint and only fails to read from it, so that the kind of the file
/// is asked for first.
std::ifstream open_input_file(const fs::path& file) {
  std::error_code ignored;
  const fs::file_status status = fs::status(file, ignored);
  if (!fs::exists(status) && fs::is_symlink(fs::symlink_status(file, ignored)))
    refuse_file(file,
                fmt::format("is a link to '{}', and there is no such file. Restore it, or correct the path.",
                            fs::read_symlink(file, ignored).string()));
  if (!fs::exists(status))
    refuse_file(file, "is not there (paths of inputs are relative to the document). Correct the path.");
  if (!fs::is_regular_file(status))
    refuse_file(file, "is a directory or the like, not a file. Correct the path.");
  std::ifstream in(file, std::ios::binary);
  if (!in.is_open()) refuse_file(file, "cannot be opened. See whether you may read it.");
  return in;
}

std::uint64_t array_bytes(const Shape& shape, std::size_t bytes_per_value) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62U;
  const auto count = static_cast<std::uint64_t>(element_count(shape));
  // The division keeps the product from wrapping around before it can be compared.
  if (count > kMost / bytes_per_value)
    throw Error(Category::too_large,
                fmt::format("an array of shape {} has {} values (no file could hold them). Make it smaller.",
                            to_string(shape), count));
  return count * bytes_per_value;
}

void check_fits(const Shape& shape, std::size_t bytes_per_value) {
  const auto count = static_cast<std::uint64_t>(element_count(shape));
  const std::uint64_t most = half_of_memory();
  if (count > most / bytes_per_value)
    throw Error(Category::too_large, fmt::format("an array of shape {} has {} values and would need more "
                                                 "than half of this machine's memory ({} MB). "
                                                 "Make it smaller.",
                                                 to_string(shape), count, most / 500'000));
}

}  // namespace mpipe::detail
