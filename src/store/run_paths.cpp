// SPDX-License-Identifier: BSD-3-Clause
// Names of the files of a run, and the search for them.
#include "store/run_paths.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mpipe {
namespace {

std::vector<fs::path> find(const fs::path& folder, const std::string& before, const std::string& within) {
  // Names of retained journals have a part that the others lack; `within` tells which of the two are wanted.
  std::vector<fs::path> found;
  const fs::path journals = journal_folder(folder);
  for (const std::string& name : list_folder(journals))
    if (name.starts_with(before) && name.ends_with(".log") &&
        (name.find(".kept-") != std::string::npos) == !within.empty())
      found.push_back(journals / name);
  return found;
}

}  // namespace

fs::path results_path(const fs::path& folder) { return folder / kResultsName; }
fs::path extents_path(const fs::path& folder) { return folder / kExtentsName; }
fs::path journal_folder(const fs::path& folder) { return folder / kJournalFolder; }
fs::path segment_folder(const fs::path& folder) { return folder / kSegmentFolder; }

fs::path segment_path(const fs::path& folder, std::size_t output) {
  return segment_folder(folder) / fmt::format("output-{:04}.h5", output);
}

fs::path element_folder(const fs::path& folder) { return folder / kElementFolder; }
fs::path element_folder(const fs::path& folder, const std::string& output) {
  return element_folder(folder) / output;
}

fs::path element_path(const fs::path& output_folder, Index element) {
  // Folders with very many files are slow on many file systems, so that elements are spread over several.
  constexpr Index kPerFolder = 10'000;
  return output_folder / fmt::format("{:04}", element / kPerFolder) / fmt::format("{}.npy", element);
}

fs::path journal_path(const fs::path& folder, int rank) {
  return journal_folder(folder) / fmt::format("rank-{:04}.log", rank);
}

fs::path retained_path(const fs::path& folder, int rank, int start) {
  return journal_folder(folder) / fmt::format("rank-{:04}.kept-{:02}.log", rank, start);
}

fs::path writer_extents_path(const fs::path& folder, int rank) {
  return journal_folder(folder) / fmt::format("extents-{:04}.log", rank);
}

std::vector<fs::path> find_journals(const fs::path& folder) { return find(folder, "rank-", ""); }
std::vector<fs::path> find_retained(const fs::path& folder) { return find(folder, "rank-", ".kept-"); }
std::vector<fs::path> find_writer_extents(const fs::path& folder) { return find(folder, "extents-", ""); }

int next_start(const fs::path& folder) {
  int next = 1;
  for (const fs::path& path : find_retained(folder)) {
    const std::string name = path.filename().string();
    const std::size_t digits = name.find(".kept-") + std::string(".kept-").size();
    int start = 0;
    std::from_chars(name.data() + digits, name.data() + name.size(), start);
    next = std::max(next, start + 1);
  }
  return next;
}

}  // namespace mpipe
