// SPDX-License-Identifier: BSD-3-Clause
// Feeds files to a fuzz target, each once: `replay FILE_OR_FOLDER..`.
#include "fuzz/fuzz_target.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

bool feed(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) {
    std::fprintf(stderr, "replay: cannot read %s\n", path.c_str());
    return false;
  }
  std::printf("%s\n", path.c_str());  // the last one printed is the one that broke it
  std::fflush(stdout);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> files;
  for (int k = 1; k < argc; ++k) {
    if (!fs::is_directory(argv[k])) {
      files.emplace_back(argv[k]);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(argv[k])) files.push_back(entry.path());
  }
  bool all_read = !files.empty();
  for (const fs::path& file : files) all_read = feed(file) && all_read;
  std::printf("replay: %zu files\n", files.size());
  return all_read ? 0 : 1;
}
