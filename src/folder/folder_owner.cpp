// SPDX-License-Identifier: BSD-3-Clause
// Identifies the process that has a run folder, and finds whether it still lives.
#include <mpipe/comm/communicator.hpp>
#include <mpipe/folder/status.hpp>

#include "folder/folder_lock.hpp"
#include "folder/status_format.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mpipe {
namespace {

using nlohmann::json;

struct ProcessState {
  char state = '?';
  std::uint64_t start_time = 0;
};

/// Reads /proc/PID/stat, or for `self` that of this process; the result is empty where the file cannot be read. The name of the program, in
/// parentheses, may hold any characters, so fields are counted from the last parenthesis.
std::optional<ProcessState> process_state(const std::string& pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = all.str();
  const std::size_t name_end = text.rfind(')');
  if (!file || name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessState result;
  fields >> result.state;
  constexpr int kFieldsBetween = 18;  // between the state (3rd) and the start time (22nd)
  std::string skipped;
  for (int k = 0; k < kFieldsBetween; ++k) fields >> skipped;
  fields >> result.start_time;
  return fields ? std::optional(result) : std::nullopt;
}

/// A container may show the /proc of its host, where numbers mean other processes.
bool has_own_proc() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self", error).string() == std::to_string(getpid());
}

/// The same for all processes until the host is started anew.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

/// A number that tells namespaces of one boot apart.
std::uint64_t pid_namespace() {
  struct stat info {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

std::string environment(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : "";
}

/// A variable that is not set, or is not a number, counts as 0, which is the number of restarts of a job that
/// was never restarted.
std::int64_t environment_number(const char* name) {
  const std::string text = environment(name);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// A number of a process is used again after its end, so the start time has to agree as well. Where it is
/// unknown (0), the process counts as the owner: a folder in use must never be taken over.
Liveness liveness_here(const FolderOwner& owner) {
  // Asked first: with hidepid other users' processes are not in /proc, but they are there.
  if (kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH) return Liveness::dead;
  const std::optional<ProcessState> state =
      has_own_proc() ? process_state(std::to_string(owner.pid)) : std::nullopt;
  if (!state) return Liveness::alive;
  // A process that has ended stays visible until its parent has asked for it. It writes nothing any more.
  if (state->state == 'Z' || state->state == 'X') return Liveness::dead;
  const bool same = owner.start_time == 0 || owner.start_time == state->start_time;
  return same ? Liveness::alive : Liveness::dead;
}

}  // namespace

FolderOwner this_process() {
  FolderOwner self;
  self.host = host_name();
  self.boot_id = boot_id();
  self.pid_namespace = pid_namespace();
  self.pid = getpid();
  if (const auto state = process_state("self")) self.start_time = state->start_time;
  self.job_id = environment("SLURM_JOB_ID");
  if (self.job_id.empty()) self.job_id = environment("PBS_JOBID");
  self.job_restarts = environment_number("SLURM_RESTART_COUNT");
  self.since = detail::utc_now();
  return self;
}

/// The kernel knows the processes of its own boot, by numbers of their namespace. Of others only the batch system
/// proves that they are gone, when it has restarted the very job that they were part of.
Liveness liveness(const FolderOwner& owner) {
  const std::string boot = boot_id();
  const std::uint64_t space = pid_namespace();
  // What is unknown on either side is taken to be equal: on old kernels, or of an owner of an earlier version.
  const bool same_boot = boot.empty() || owner.boot_id.empty() || boot == owner.boot_id;
  const bool same_space = space == 0 || owner.pid_namespace == 0 || space == owner.pid_namespace;
  if (owner.host == host_name() && same_boot && same_space) return liveness_here(owner);
  // Slurm starts a job again only after all of its processes are gone.
  const bool earlier_start = !owner.job_id.empty() && owner.job_id == environment("SLURM_JOB_ID") &&
                             owner.job_restarts < environment_number("SLURM_RESTART_COUNT");
  return earlier_start ? Liveness::dead : Liveness::unknown;
}

std::string describe(const FolderOwner& owner) {
  std::string text = fmt::format("process {} on {}", owner.pid, owner.host);
  if (!owner.job_id.empty()) text += fmt::format(" (job {})", owner.job_id);
  if (!owner.since.empty()) text += fmt::format(", since {}", owner.since);
  return text;
}

std::optional<FolderOwner> folder_owner(const std::string& run_folder) {
  return detail::read_lock(std::filesystem::path(run_folder) / detail::kLockName).owner;
}

}  // namespace mpipe
