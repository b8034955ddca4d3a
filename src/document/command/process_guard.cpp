// SPDX-License-Identifier: BSD-3-Clause
// Forks the process that kills started programs when this one is gone.
#include "document/command/process_guard.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace mpipe::detail {
namespace {

constexpr std::size_t kMostGroups = 4096;  // of programs that one process runs at a time, by as many threads

/// The loop of the guard. It was forked from a process with threads, so it allocates nothing and calls only what is
/// safe in a signal handler.
[[noreturn]] void guard_groups(int pipe) {
  static std::array<pid_t, kMostGroups> groups;
  std::size_t count = 0;
  for (pid_t message = 0;;) {
    const ssize_t size = ::read(pipe, &message, sizeof message);
    if (size < 0 && errno == EINTR) continue;
    if (size != static_cast<ssize_t>(sizeof message)) break;
    if (message > 0) {
      if (count < kMostGroups) groups[count++] = message;
      continue;
    }
    for (std::size_t k = 0; k < count; ++k)
      if (groups[k] == -message) groups[k--] = groups[--count];
  }
  for (std::size_t k = 0; k < count; ++k) ::kill(-groups[k], SIGKILL);
  ::_exit(0);
}

}  // namespace

ProcessGuard& ProcessGuard::instance() {
  static ProcessGuard guard;
  return guard;
}

ProcessGuard::ProcessGuard() {
  int ends[2];
  const bool piped = ::pipe2(ends, O_CLOEXEC) == 0;
  const pid_t child = piped ? ::fork() : -1;
  if (child < 0)
    throw Error(
        Category::storage_failed,
        fmt::format("no process can be started to watch over the commands of this run ({}). Raise the limits "
                    "of processes and open files (ulimit -u, ulimit -n).",
                    std::strerror(errno)));
  if (child == 0) {
    // A session of its own, so that a signal for the whole job, such as Ctrl-C, does not end the guard before its
    // work. Every other descriptor goes: a pipe of the launcher that stayed open here would look alive.
    ::setsid();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE})
      ::signal(signal, SIG_IGN);
    if (ends[0] > 0) ::close_range(0, static_cast<unsigned>(ends[0]) - 1, 0);
    ::close_range(static_cast<unsigned>(ends[0]) + 1, ~0U, 0);
    guard_groups(ends[0]);
  }
  ::close(ends[0]);
  pipe_ = ends[1];
}

void ProcessGuard::tell(pid_t message) const noexcept {
  // So few bytes are written at once or not at all. An error would mean that the guard was killed: the program runs
  // all the same.
  static_cast<void>(::write(pipe_, &message, sizeof message) < 0);
}

}  // namespace mpipe::detail
