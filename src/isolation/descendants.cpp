// SPDX-License-Identifier: BSD-3-Clause
// Finds and ends the processes that functions have started and left behind.
#include "isolation/descendants.hpp"

#include <mpipe/core/clock.hpp>

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace mpipe::detail {
namespace {

/// `visit(name)` for the entries of a directory of /proc that are numbers; false when it cannot be read.
template <class Visit>
bool for_each_number(const char* directory, const Visit& visit) {
  DIR* const entries = ::opendir(directory);
  if (entries == nullptr) return false;
  while (const dirent* entry = ::readdir(entries))
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) != 0) visit(entry->d_name);
  ::closedir(entries);
  return true;
}

/// The parent of a process; 0 when it has ended.
pid_t parent_of(const char* pid) {
  std::FILE* const file = std::fopen((std::string("/proc/") + pid + "/stat").c_str(), "re");
  if (file == nullptr) return 0;
  char text[512] = {};
  const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  // The name, in parentheses, may have any characters in it, even further ones of these.
  const std::string_view line(text, size);
  const std::size_t behind = line.rfind(')');
  if (behind == std::string_view::npos || behind + 4 >= size) return 0;
  return static_cast<pid_t>(std::strtol(text + behind + 4, nullptr, 10));
}

}  // namespace

void adopt_descendants() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

bool has_children() {
  siginfo_t ignored;
  return ::waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) == 0;
}

std::vector<pid_t> children_of_this_process() {
  std::vector<pid_t> children;
  bool listed = false;
  for_each_number("/proc/self/task", [&](const char* thread) {
    std::FILE* const file =
        std::fopen((std::string("/proc/self/task/") + thread + "/children").c_str(), "re");
    if (file == nullptr) return;
    listed = true;
    int pid = 0;
    while (std::fscanf(file, "%d", &pid) == 1) children.push_back(pid);
    std::fclose(file);
  });
  if (listed) return children;
  // A kernel without these lists: all processes are asked for their parents.
  const pid_t self = ::getpid();
  for_each_number("/proc", [&](const char* pid) {
    if (parent_of(pid) == self) children.push_back(static_cast<pid_t>(std::strtol(pid, nullptr, 10)));
  });
  return children;
}

void end_descendants(const std::vector<pid_t>& spared) {
  constexpr int most_rounds = 3000;
  constexpr auto pause = std::chrono::milliseconds(1);
  // Each that ends may leave its own children to this process, which the next round finds.
  for (int round = 0; round < most_rounds; ++round) {
    bool any = false;
    for (const pid_t child : children_of_this_process()) {
      if (std::binary_search(spared.begin(), spared.end(), child)) continue;
      any = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, WNOHANG);
    }
    if (!any) return;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace mpipe::detail
