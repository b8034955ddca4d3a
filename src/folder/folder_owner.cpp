// SPDX-License-Identifier: BSD-3-Clause
// Identifies the process that has a run folder, and finds whether it still lives.
#include <mpipe/comm/communicator.hpp>
#include <mpipe/folder/status.hpp>

#include "folder/folder_lock.hpp"
#include "folder/status_format.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace mpipe {
namespace {

using nlohmann::json;

struct ProcessState {
  char state = '?';
  std::uint64_t start_time = 0;
};

/// Reads /proc/PID/stat; the result is empty where the file cannot be read. The name of the program, in
/// parentheses, may hold any characters, so fields are counted from the last parenthesis.
std::optional<ProcessState> process_state(std::int64_t pid) {
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
  const std::optional<ProcessState> state = process_state(owner.pid);
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
  self.pid = getpid();
  if (const auto state = process_state(self.pid)) self.start_time = state->start_time;
  self.job_id = environment("SLURM_JOB_ID");
  self.job_restarts = environment_number("SLURM_RESTART_COUNT");
  self.since = detail::utc_now();
  return self;
}

/// Processes on other hosts cannot be asked. Only the batch system proves that they are gone, when it has
/// restarted the very job that they were part of.
Liveness liveness(const FolderOwner& owner) {
  if (owner.host == host_name()) return liveness_here(owner);
  // Slurm starts a job again only after all of its processes are gone.
  const bool earlier_start = !owner.job_id.empty() && owner.job_id == environment("SLURM_JOB_ID") &&
                             owner.job_restarts < environment_number("SLURM_RESTART_COUNT");
  return earlier_start ? Liveness::dead : Liveness::unknown;
}

std::string describe(const FolderOwner& owner) {
  std::string text = fmt::format("process {} on {}", owner.pid, owner.host);
  if (!owner.job_id.empty()) text += fmt::format(" (Slurm job {})", owner.job_id);
  if (!owner.since.empty()) text += fmt::format(", since {}", owner.since);
  return text;
}

std::optional<FolderOwner> folder_owner(const std::string& run_folder) {
  return detail::read_lock(std::filesystem::path(run_folder) / detail::kLockName).owner;
}

}  // namespace mpipe
