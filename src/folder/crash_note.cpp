// SPDX-License-Identifier: BSD-3-Clause
// Reads what ranks wrote when they crashed.
#include "folder/api/crash_note.hpp"

#include "base/api/file.hpp"
#include "core/api/text.hpp"

#include <algorithm>

namespace mpipe {

std::string read_crash_note(const std::filesystem::path& run_folder) {
  // A job of thousands of ranks may have many lines; its first ones are of those that crashed.
  constexpr std::size_t kMost = 1 << 20;
  constexpr std::size_t kMostShown = 4000;
  std::string text;
  if (read_small_file(run_folder / kCrashName, kMost, text) != ReadResult::ok) return {};
  while (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return printable(text, kMostShown);
}

}  // namespace mpipe
