// SPDX-License-Identifier: BSD-3-Clause
// Writes results so that a failure is noticed, and everything else so that a failure changes nothing.
#include "output.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/terminal_text.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace mpipe::app {

void print_result(const std::string& text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  // Who reads a pipe and leaves has seen what he wanted: `pipeline_app show run | head`.
  if (!written && errno == EPIPE) return;
  if (!written)
    throw Error(Category::storage_failed,
                fmt::format("the results cannot be written to standard output: {}. Check where it goes to.",
                            std::strerror(errno)));
}

void print_text(const std::string& text) { print_result(without_controls(text)); }

// One call each, so that lines of several ranks do not mix.
void print_error(const std::string& text) {
  say(fmt::format("pipeline_app: error: {}\n", without_controls(text)));
}

void print_note(const std::string& text) { say(fmt::format("pipeline_app: {}\n", without_controls(text))); }

void say(const std::string& text) {
  // A full disk or a lost terminal behind standard error is no reason to end a run.
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void secure_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
      // The lowest free number, which is this one, as those below it are open by now.
      [[maybe_unused]] const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    }
  // A handler, unlike SIG_IGN, is not handed on to programs that functions start.
  std::signal(SIGPIPE, [](int) {});
}

}  // namespace mpipe::app
