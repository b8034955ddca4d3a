// SPDX-License-Identifier: BSD-3-Clause
// Starts a program, waits for its end within its time, and reads what it said.
#include "document/api/program.hpp"

#include <mpipe/core/error.hpp>

#include "core/api/text.hpp"
#include "document/command/process_guard.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace mpipe::detail {
namespace {

constexpr std::uint64_t kMostOutput = 64 << 20;       // bytes of standard output, and of standard error
constexpr std::size_t kErrorsKept = 64 << 10;         // of standard error, from its end
constexpr std::size_t kLongestWord = 128 << 10;       // the kernel's limit, with the NUL behind it
constexpr Duration kGrace = std::chrono::seconds(5);  // between SIGTERM and SIGKILL
constexpr int kLookMs = 50;                           // between looks at the size of the output
constexpr std::size_t kChildStack = 64 << 10;

/// A file without a name: the streams of the program need no pipes that somebody has to empty, and leave nothing
/// behind.
File memory_file(const char* name) {
  const int descriptor = ::memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0)
    throw Error(Category::storage_failed,
                fmt::format("no file for the {} of a command can be made ({}). Raise the limit of open files "
                            "(ulimit -n).",
                            name, std::strerror(errno)));
  return {descriptor, name};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

/// What the new process needs before it becomes the program. It shares the memory of its parent, which is stopped
/// meanwhile, so everything is laid out beforehand and only system calls are made.
struct Launch {
  const ProcessGuard* guard;
  std::vector<char*> words;
  std::vector<char*> environment;
  const char* folder;
  int streams[3];
  std::uint64_t memory;
  const char* step = "start";  ///< what failed, with `error`
  int error = 0;
};

int become_program(void* argument) {
  Launch& launch = *static_cast<Launch*>(argument);
  const auto fail = [&](const char* step) {
    launch.step = step;
    launch.error = errno;
    ::_exit(127);
  };
  // The group is made and told to the guard before anything else: from here on, no end of the parent leaves the
  // program behind.
  if (::setpgid(0, 0) != 0) fail("form a process group for");
  launch.guard->begin(::getpid());
  for (int stream = 0; stream < 3; ++stream)
    if (::dup2(launch.streams[stream], stream) < 0) fail("connect the streams of");
  if (::chdir(launch.folder) != 0) fail("enter the folder of");
  if (launch.memory != 0) {
    const rlimit limit{launch.memory, launch.memory};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) fail("limit the memory of");
  }
  // Handlers of the parent may not run here. Signals that it ignores, as under nohup, stay ignored, but for SIGPIPE,
  // which programs count on.
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0) continue;
    if (action.sa_handler == SIG_IGN && number != SIGPIPE) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
  sigset_t no_signals;
  ::sigemptyset(&no_signals);
  ::sigprocmask(SIG_SETMASK, &no_signals, nullptr);
  ::execve(launch.words.front(), launch.words.data(), launch.environment.data());
  fail("execute");
  return 0;
}

/// As posix_spawn does it, which can neither limit the memory nor tell the guard: a process that borrows this
/// one's memory until it has become the program, however large that memory is.
pid_t start(Launch& launch) {
  const auto stack = std::make_unique<char[]>(kChildStack);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child =
      ::clone(become_program, stack.get() + kChildStack, CLONE_VM | CLONE_VFORK | SIGCHLD, &launch);
  if (child < 0) launch.error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return child;
}

[[noreturn]] void refuse_start(const Launch& launch, const std::string& program) {
  const bool ours =
      launch.error == EMFILE || launch.error == ENFILE || launch.error == EAGAIN || launch.error == ENOMEM;
  throw Error(
      ours ? Category::storage_failed : Category::bad_option,
      fmt::format("cannot {} '{}' ({}). {}", launch.step, printable(program, 200),
                  std::strerror(launch.error),
                  launch.error == E2BIG     ? "Give large values as files ({file:NAME}) or by standard input."
                  : launch.error == ENOEXEC ? "Begin a script with a line such as #!/bin/sh."
                  : ours ? "Raise the limits of processes and memory (ulimit -u, ulimit -v)."
                         : "Look whether it is there and may be executed."));
}

/// Waits for the end of the leader of a group.
class Wait {
 public:
  Wait(pid_t leader, const Clock& clock, Duration time)
      : leader_(leader),
        clock_(clock),
        process_(static_cast<int>(::syscall(SYS_pidfd_open, leader, 0)), "a process") {
    if (time > Duration::zero()) deadline_ = clock.now() + time;
  }

  /// Returns the status of the leader, which is not reaped yet, so that its group cannot be another one's.
  siginfo_t until_end(const File& output, const File& errors) {
    for (;;) {
      siginfo_t end{};
      if (::waitid(P_PID, static_cast<id_t>(leader_), &end, WEXITED | WNOWAIT | WNOHANG) == 0 &&
          end.si_pid != 0)
        return end;
      if (output.size() > kMostOutput || errors.size() > kMostOutput) stop(ProgramEnd::How::said_too_much);
      if (clock_.now() >= deadline_) stop(ProgramEnd::How::out_of_time);
      // Kernels before 5.3 cannot wait for a process and a moment at once: there it is looked at every millisecond.
      pollfd ended{process_.descriptor(), POLLIN, 0};
      ::poll(&ended, 1, process_.descriptor() < 0 ? 1 : wait_ms());
    }
  }
  const std::optional<ProgramEnd::How>& reason() const { return reason_; }

 private:
  int wait_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_.now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, kLookMs));
  }

  void stop(ProgramEnd::How reason) {
    ::kill(-leader_, reason_ ? SIGKILL : SIGTERM);
    if (!reason_) reason_ = reason;
    deadline_ = clock_.now() + kGrace;
  }

  pid_t leader_;
  const Clock& clock_;
  File process_;
  TimePoint deadline_ = TimePoint::max();
  std::optional<ProgramEnd::How> reason_;
};

std::string end_of(const File& file, std::uint64_t most) {
  const std::uint64_t size = file.size();
  std::string text(static_cast<std::size_t>(std::min(size, most)), '\0');
  text.resize(file.read_some_at(size - text.size(), std::as_writable_bytes(std::span(text))));
  return text;
}

}  // namespace

ProgramEnd run_program(const ProgramCall& call, const Clock& clock) {
  for (const std::string& word : call.words)
    if (word.size() >= kLongestWord)
      throw Error(
          Category::too_large,
          fmt::format("a word of the command has {} bytes (the system takes fewer than {}). Give the value "
                      "as a file ({{file:NAME}}) or by standard input.",
                      word.size(), kLongestWord));
  File input = call.input.empty() ? File("/dev/null", File::Mode::read) : memory_file("input");
  if (!call.input.empty()) input.write_at(0, std::as_bytes(std::span(call.input)));
  const File output = memory_file("output");
  const File errors = memory_file("errors");
  const ProcessGuard& guard = ProcessGuard::instance();
  Launch launch{&guard,
                pointers(call.words),
                pointers(call.environment),
                call.folder.c_str(),
                {input.descriptor(), output.descriptor(), errors.descriptor()},
                call.memory};
  const pid_t leader = start(launch);
  if (leader < 0) refuse_start(launch, call.words.front());
  Wait wait(leader, clock, call.time);
  const siginfo_t ended = wait.until_end(output, errors);
  // What the program left running in its group ends with it. The leader is reaped behind that: until then its
  // number belongs to no other process.
  ::kill(-leader, SIGKILL);
  ::waitpid(leader, nullptr, 0);
  guard.end(leader);
  if (launch.error != 0) refuse_start(launch, call.words.front());
  ProgramEnd end;
  end.how = wait.reason().value_or(ended.si_code == CLD_EXITED ? ProgramEnd::How::exited
                                                               : ProgramEnd::How::signalled);
  end.number = ended.si_status;
  end.output = end_of(output, kMostOutput);
  end.errors = end_of(errors, kErrorsKept);
  return end;
}

std::string find_program(const std::string& name, const fs::path& folder) {
  const auto is_program = [](const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) {
    const fs::path path = fs::absolute(folder / name);
    if (is_program(path)) return path.string();
    throw Error(
        Category::bad_document,
        fmt::format("the program '{}' is not there, or may not be executed (looked for '{}'). Paths are "
                    "relative to the document; chmod +x makes a script executable.",
                    printable(name, 200), printable(path.string(), 200)));
  }
  const char* const path = std::getenv("PATH");
  std::string_view folders = path == nullptr ? "/usr/bin:/bin" : path;
  while (!folders.empty()) {
    const std::size_t end = std::min(folders.find(':'), folders.size());
    const fs::path candidate = fs::path(folders.substr(0, end)) / name;
    if (end > 0 && is_program(candidate)) return fs::absolute(candidate).string();
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  throw Error(
      Category::bad_document,
      fmt::format("there is no program '{}' in the folders of PATH. Install it, or write its path, with "
                  "a slash in it.",
                  printable(name, 200)));
}

}  // namespace mpipe::detail
