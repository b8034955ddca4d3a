// SPDX-License-Identifier: BSD-3-Clause
// Finds the folders of runs below another folder.
#include "run_folders.hpp"

#include <algorithm>

namespace mpipe::app {
namespace {

namespace fs = std::filesystem;

void add_runs(const fs::path& folder, int depth, std::vector<fs::path>& runs) {
  std::error_code error;
  if (fs::exists(folder / "run.json", error) || fs::exists(folder / "status.json", error)) {
    runs.push_back(folder);
    return;
  }
  if (depth == 0) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.is_directory(error) && !entry.is_symlink(error)) add_runs(entry.path(), depth - 1, runs);
}

}  // namespace

std::vector<fs::path> find_runs(const fs::path& folder) {
  constexpr int kDeepest = 3;
  std::vector<fs::path> runs;
  add_runs(folder, kDeepest, runs);
  std::sort(runs.begin(), runs.end());
  return runs;
}

}  // namespace mpipe::app
