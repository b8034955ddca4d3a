// SPDX-License-Identifier: BSD-3-Clause
// Waits for signals that end the program, on a thread that may say last words.
#include "signals.hpp"

#include "base/api/thread.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

namespace mpipe::app {
namespace {

/// Of a user, a terminal, a batch system before its time limit, and of limits on time and on sizes of files.
constexpr std::array kSignals{SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGXCPU, SIGXFSZ};
std::atomic<int> write_end{
    -1};  // where the handler tells the watching thread; a handler gets no other argument
std::atomic<bool> interrupted{false};

void end_by(int number) {
  signal(number, SIG_DFL);
  ::kill(::getpid(), number);
}

/// A handler may interrupt anything, so it only does what is allowed there: it writes one byte and leaves
/// errno as it was. All the rest is for the thread that reads the byte. Whoever types Ctrl-C again does not want
/// to wait for last words. Other signals come twice by themselves: from a batch system and from the launcher.
void handle(int number) {
  const int saved = errno;
  if (number == SIGINT && interrupted.exchange(true)) end_by(number);
  const auto byte = static_cast<unsigned char>(number);
  [[maybe_unused]] const ssize_t written = ::write(write_end, &byte, 1);
  errno = saved;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void(int)> last_words) : last_words_(std::move(last_words)) {
  if (pipe2(pipe_, O_CLOEXEC) != 0) return;  // then signals do what they always do
  write_end = pipe_[1];
  interrupted = false;
  // The reader is there before the first handler is set: a signal may come right after that.
  thread_ = start_thread("to wait for signals", [this] { watch(); });
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  for (const int number : kSignals) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    if (before.sa_handler == SIG_DFL) sigaction(number, &action, nullptr);  // nohup stays nohup
  }
}

SignalWatch::~SignalWatch() {
  if (!thread_.joinable()) return;
  for (const int number : kSignals) {
    struct sigaction now {};
    sigaction(number, nullptr, &now);
    if (now.sa_handler == handle) signal(number, SIG_DFL);
  }
  // The handlers are gone by now. Were the pipe closed first, a signal could write into a file that got its
  // number.
  write_end = -1;
  ::close(pipe_[1]);  // the thread reads the end of the file
  thread_.join();
  ::close(pipe_[0]);
}

void SignalWatch::watch() {
  unsigned char byte = 0;
  ssize_t count = 0;
  do count = ::read(pipe_[0], &byte, 1);
  while (count < 0 && errno == EINTR);
  if (count != 1) return;
  last_words_(byte);
  // The process ends by the signal itself, so that whoever started it sees why, as without this watch. Nobody
  // needs a picture of its memory.
  constexpr rlimit kNone{0, 0};
  ::setrlimit(RLIMIT_CORE, &kNone);
  end_by(byte);
}

}  // namespace mpipe::app
