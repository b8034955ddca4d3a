// SPDX-License-Identifier: BSD-3-Clause
// The process that forks others: what it changes of itself once it is forked, and the loop in which it
// serves.
#include "isolation/zygote_process.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/failure_bytes.hpp"
#include "isolation/descendants.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>

namespace mpipe::detail {
namespace {

constexpr int first_own_descriptor = 3;
/// What a zygote gets when its owner, or the thread of it that made the zygote, has ended.
constexpr int owner_ended = SIGHUP;

/// Has this process told by `signal` when its parent ends. A parent that ended before the first call sends none
/// any more, so the second one looks whether it is still there.
void end_with(pid_t parent, int signal) {
  ::prctl(PR_SET_PDEATHSIG, signal);
  if (::getppid() != parent) ::_exit(0);
}

/// Puts all signals in the state that a program finds when it has just been started, but for the one of a pipe without a
/// reader. What a function prints goes through the launcher, and where that was killed, or nobody reads any more, the
/// element is not to blame: its print fails, as it does without isolation. A handler is not inherited by programs that a
/// function starts, as `SIG_IGN` would be.
void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
  ::signal(SIGPIPE, [](int) {});
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// What functions print goes to standard error: standard output is the program's, for its results, and those
/// who read that see its end when the program has ended.
void leave_standard_streams() {
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0) return;
  ::dup2(nothing, STDIN_FILENO);
  if (nothing >= first_own_descriptor) ::close(nothing);
}

/// Closes all descriptors from 3 on but one.
void close_all_but(int kept) {
  if (kept > first_own_descriptor) ::close_range(first_own_descriptor, static_cast<unsigned>(kept) - 1, 0);
  ::close_range(static_cast<unsigned>(kept) + 1, ~0U, 0);
}

/// A function that calls `exit` ends its process and nothing else: handlers of the program or of MPI, which
/// were registered before this one and would run after it, have no business in a child.
void leave_at_once(int code, void*) {
  std::cout.flush();
  std::fflush(nullptr);
  ::_exit(code);
}

class ZygoteServer {
 public:
  ZygoteServer(Channel control, pid_t owner) : control_(std::move(control)), owner_(owner) {
    ::signal(SIGPIPE, SIG_IGN);
    // The signals are blocked before there is a child, so that no end is missed; they are read from a
    // descriptor, and the loop can wait for them and for requests at the same time.
    sigset_t ends;
    ::sigemptyset(&ends);
    ::sigaddset(&ends, SIGCHLD);
    ::sigaddset(&ends, owner_ended);
    ::sigprocmask(SIG_BLOCK, &ends, nullptr);
    ends_ = FileDescriptor(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
    end_with(owner_, owner_ended);
  }

  /// All children, and all that these have started, end with this.
  ~ZygoteServer() { end_descendants(); }
  ZygoteServer(const ZygoteServer&) = delete;
  ZygoteServer& operator=(const ZygoteServer&) = delete;

  void serve() {
    for (;;) {
      pollfd waits[2] = {{control_.descriptor(), POLLIN, 0}, {ends_.get(), POLLIN, 0}};
      ::poll(waits, 2, -1);
      if (waits[1].revents != 0) collect_ended();
      // Not only the owner's own end of the socket may be open: what it has forked holds others.
      if (::getppid() != owner_) return;
      if (waits[0].revents == 0) continue;
      Channel::Message message;
      try {
        if (control_.receive(message) != Arrival::message) return;
      } catch (const JobShortage&) {
        fail(failure_from_current_exception());
        continue;
      }
      handle(message);
    }
  }

 private:
  struct Child {
    std::uint64_t serial;
    FileDescriptor status;
  };

  void collect_ended() {
    signalfd_siginfo ignored;
    while (::read(ends_.get(), &ignored, sizeof ignored) == static_cast<ssize_t>(sizeof ignored)) {
    }
    int status = 0;
    // Signals of the same kind merge, so one of them may stand for several children.
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto child = children_.find(pid);
      if (child == children_.end()) continue;  // left behind by a child, or started by a task
      // What the child has started is gone before anybody hears of its end.
      end_strangers(pid);
      // Nobody may read it any more, which is no harm: SIGPIPE is ignored.
      static_cast<void>(::write(child->second.status.get(), &status, sizeof status) < 0);
      children_.erase(child);
    }
  }

  /// A child that lives keeps what it has started to itself. Another process that has come to this one is of
  /// a child that has ended.
  void end_strangers(pid_t ended) {
    const bool only_one = children_.size() == 1 && of_tasks_.empty();
    if (only_one && !has_children()) return;  // spares a look at all processes
    std::vector<pid_t> known = of_tasks_;
    for (const auto& [pid, child] : children_)
      if (pid != ended) known.push_back(pid);
    std::sort(known.begin(), known.end());
    end_descendants(known);
  }

  void handle(Channel::Message& message) {
    switch (static_cast<ZygoteRequest>(message.kind)) {
      case ZygoteRequest::spawn:
        return spawn(message);
      case ZygoteRequest::run:
        return run(message.bytes());
      case ZygoteRequest::kill:
        return kill(message.bytes());
    }
    throw Bug("a zygote was asked for something unknown");
  }

  template <class Request>
  static Request read(std::span<const std::byte> bytes) {
    Request request;
    if (bytes.size() < sizeof request) throw Bug("a zygote was asked for half a thing");
    std::memcpy(&request, bytes.data(), sizeof request);
    return request;
  }

  void spawn(Channel::Message& message) {
    const auto request = read<SpawnRequest>(message.bytes());
    if (message.descriptors.size() != 2) throw Bug("a zygote got no channel for a child");
    FileDescriptor socket = std::move(message.descriptors[0]);
    FileDescriptor status = std::move(message.descriptors[1]);
    const pid_t self = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
      Failure failure;
      failure.category = is_shortage(errno) ? Category::rank_lost : Category::not_supported;
      failure.message = std::string("no process can be made for an isolated function: ") +
                        std::strerror(errno) +
                        ". Raise the limit of processes (ulimit -u), or give the machine more memory.";
      return fail(failure);
    }
    if (pid == 0) {
      status.close();
      become_child(std::move(socket), request.entry, self);
    }
    children_.emplace(pid, Child{request.serial, std::move(status)});
    const std::int64_t answer = pid;
    control_.send(static_cast<std::uint16_t>(ZygoteAnswer::done), std::as_bytes(std::span(&answer, 1)));
  }

  [[noreturn]] void become_child(FileDescriptor socket, std::uint64_t entry, pid_t zygote) {
    // This comes first, as the zygote may end at any time and its children with it. Then everything goes
    // that would keep the zygote's own channel and pipes open after its end.
    end_with(zygote, SIGKILL);
    adopt_descendants();
    control_.release().close();
    ends_.close();
    children_.clear();  // closes the status pipes, which are the zygote's alone
    reset_signals();
    ::prctl(PR_SET_NAME, "mpipe-child");
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::on_exit(leave_at_once, nullptr);
    reinterpret_cast<Zygote::Entry>(entry)(Channel(std::move(socket)));
    leave_at_once(0, nullptr);
    std::abort();  // not reached
  }

  void run(std::span<const std::byte> bytes) {
    const auto task = reinterpret_cast<Zygote::Task>(read<std::uint64_t>(bytes));
    // A task looks at no signals, so it ends at once with the owner; what it has started by now is spared.
    end_with(owner_, SIGKILL);
    run(task, bytes.subspan(sizeof(std::uint64_t)));
    of_tasks_ = children_of_this_process();
    end_with(owner_, owner_ended);
  }

  void run(Zygote::Task task, std::span<const std::byte> argument) {
    try {
      const std::vector<std::byte> result = task(argument);
      std::fflush(nullptr);  // or each child would have it again
      control_.send(static_cast<std::uint16_t>(ZygoteAnswer::done), result);
    } catch (const Error&) {
      fail(failure_from_current_exception());
    } catch (...) {
      Failure failure = failure_from_current_exception();
      failure.category = Category::internal_error;
      fail(failure);
    }
  }

  /// Only a child that has not been collected: its process id may be another's since.
  void kill(std::span<const std::byte> bytes) {
    const auto request = read<KillRequest>(bytes);
    // Nobody else waits for these children, so an id in the map is still that of the child.
    const auto child = children_.find(static_cast<pid_t>(request.pid));
    if (child != children_.end() && child->second.serial == request.serial) ::kill(child->first, SIGKILL);
  }

  void fail(const Failure& failure) {
    ByteWriter out;
    put_failure(out, failure);
    control_.send(static_cast<std::uint16_t>(ZygoteAnswer::failed), out.bytes());
  }

  Channel control_;
  FileDescriptor ends_;  ///< tells that children have ended
  std::map<pid_t, Child> children_;
  std::vector<pid_t> of_tasks_;  ///< processes that tasks have started
  pid_t owner_;
};

}  // namespace

void run_zygote(Channel control, pid_t owner, Zygote::Moment moment) {
  end_with(owner, SIGKILL);
  ::setsid();
  adopt_descendants();
  reset_signals();
  leave_standard_streams();
  // A late one keeps its descriptors: its children call functions that may use files of the program.
  if (moment == Zygote::Moment::early) close_all_but(control.descriptor());
  ::prctl(PR_SET_NAME, "mpipe-zygote");
  try {
    ZygoteServer(std::move(control), owner).serve();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mpipe: the process that forks isolated functions ends: %s\n", error.what());
  }
  ::_exit(0);
}

}  // namespace mpipe::detail
