// SPDX-License-Identifier: BSD-3-Clause
#include "bench/memory_use.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace mpipe::bench {

double memory_megabytes(const std::string& file, const std::string& key) {
  std::ifstream stream("/proc/self/" + file);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(key + ":")) continue;
    std::istringstream rest(line.substr(key.size() + 1));
    double kibibytes = 0;
    rest >> kibibytes;
    return kibibytes * 1024 / 1e6;
  }
  throw std::runtime_error("/proc/self/" + file + " has no " + key);
}

}  // namespace mpipe::bench
