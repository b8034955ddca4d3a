// SPDX-License-Identifier: BSD-3-Clause
// Finds the accelerators of this machine, and parses what the environment says of them.
#include "run/devices.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>

namespace mpipe {
namespace {

namespace fs = std::filesystem;

/// A whole text as a number from 0; -1 when the text is not such a number.
int number_in(std::string_view text) {
  int number = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size() ? number : -1;
}

std::vector<int> first_devices(int count) {
  std::vector<int> devices(static_cast<std::size_t>(count));
  std::iota(devices.begin(), devices.end(), 0);
  return devices;
}

std::vector<int> counted(const char* name, std::string_view text) {
  const int count = number_in(text);
  if (count < 0 || count > max_device + 1)
    throw Error(Category::bad_option,
                fmt::format("{} is '{}', which is no number of devices from 0 to {}. Correct it or unset it.",
                            name, text, max_device + 1));
  return first_devices(count);
}

/// Devices that a variable lists by number. They are sorted and named once, so that all ranks of a node
/// divide the same list.
std::vector<int> listed(const char* name, std::string_view text) {
  std::vector<int> devices;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    devices.push_back(number_in(text.substr(0, comma)));
    if (devices.back() < 0 || devices.back() > max_device)
      throw Error(
          Category::bad_option,
          fmt::format("{} names the device '{}' (they are given to ranks by number, from 0 to {}). Let "
                      "it name devices by number, or unset it.",
                      name, text.substr(0, comma), max_device));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
  return devices;
}

/// Paths of what is in a directory; the list is empty when the directory cannot be read.
std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code problem;
  for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem))
    paths.push_back(entry->path());
  return paths;
}

/// /dev/nvidia0, /dev/nvidia1, ..
int nvidia_devices(const fs::path& root) {
  constexpr std::string_view kPrefix = "nvidia";
  const auto paths = entries_of(root / "dev");
  return static_cast<int>(std::count_if(paths.begin(), paths.end(), [&](const fs::path& path) {
    const std::string name = path.filename().string();
    return name.starts_with(kPrefix) && number_in(std::string_view(name).substr(kPrefix.size())) >= 0;
  }));
}

/// Nodes of AMD's topology that can compute; processors are nodes, too.
int amd_devices(const fs::path& root) {
  int count = 0;
  for (const fs::path& node : entries_of(root / "sys/class/kfd/kfd/topology/nodes")) {
    std::ifstream properties(node / "properties");
    std::string key;
    std::string amount;
    while (properties >> key >> amount)
      if (key == "simd_count" && number_in(amount) > 0) ++count;
  }
  return count;
}

}  // namespace

/// What a user says counts more than what a batch system says, and that more than what the machine has: a job
/// must not use devices of its node that were given to another one.
std::vector<int> find_devices(const fs::path& root) {
  if (const char* text = std::getenv("MPIPE_GPUS")) return counted("MPIPE_GPUS", text);
  for (const char* name : {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"})
    if (const char* text = std::getenv(name)) return listed(name, text);
  const int nvidia = nvidia_devices(root);
  return first_devices(std::min(nvidia > 0 ? nvidia : amd_devices(root), max_device + 1));
}

}  // namespace mpipe
