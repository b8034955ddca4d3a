// SPDX-License-Identifier: BSD-3-Clause
// The owner's side of a zygote: forking it, asking it for children, and noticing when these end.
#include "isolation/api/zygote.hpp"

#include <mpipe/core/error.hpp>

#include "base/api/failure_bytes.hpp"
#include "isolation/zygote_process.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <thread>

namespace mpipe {

using detail::KillRequest;
using detail::SpawnRequest;
using detail::ZygoteAnswer;
using detail::ZygoteRequest;

namespace {

/// A fork takes milliseconds, and building a pipeline seconds; what takes longer never ends.
constexpr auto longest_answer = std::chrono::seconds(120);
/// A process that was killed ends within milliseconds, unless a file system holds it.
constexpr auto longest_end = std::chrono::seconds(10);

TimePoint now() { return std::chrono::steady_clock::now(); }

[[noreturn]] void no_process_now(const std::string& why) {
  throw JobShortage(fmt::format(
      "no process can be made for an isolated function: {}. Raise the limits of processes "
      "(ulimit -u) and open files (ulimit -n), give the machine more memory, or use fewer processes.",
      why));
}

/// Waits for a child of this process, which was told to end.
void collect(pid_t pid) {
  const TimePoint limit = now() + longest_end;
  constexpr auto pause = std::chrono::milliseconds(1);
  for (;;) {
    const pid_t ended = ::waitpid(pid, nullptr, WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR)) return;  // or somebody else has waited for it
    if (now() > limit) break;
    std::this_thread::sleep_for(pause);
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

// ---- the zygote

std::vector<Zygote::Module> Zygote::loaded_code() {
  std::vector<Module> modules;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* list) {
        for (std::size_t k = 0; k < info->dlpi_phnum; ++k) {
          const auto& segment = info->dlpi_phdr[k];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
          static_cast<std::vector<Module>*>(list)->push_back({begin, begin + segment.p_memsz});
        }
        return 0;
      },
      &modules);
  return modules;
}

std::shared_ptr<Zygote> Zygote::start(Moment moment) {
  auto [ours, its] = Channel::make();
  // Listed before the fork: what is loaded after that is not in the zygote.
  std::vector<Module> modules = loaded_code();
  std::cout.flush();  // what is not written yet would be written twice
  std::fflush(nullptr);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) no_process_now(std::strerror(errno));
  if (pid == 0) {
    // A zygote that held its owner's end itself would never see it closed.
    ours.release().close();
    detail::run_zygote(std::move(its), self, moment);
  }
  return std::shared_ptr<Zygote>(new Zygote(moment, pid, std::move(ours), std::move(modules)));
}

Zygote::Zygote(Moment moment, pid_t pid, Channel control, std::vector<Module> modules)
    : moment_(moment), pid_(pid), modules_(std::move(modules)), control_(std::move(control)) {}

Zygote::~Zygote() { end(); }

void Zygote::end() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(ended_, true)) return;
  // The closed channel is what tells it to end, and its end kills its children.
  control_.shut_down();
  collect(pid_);
}

bool Zygote::has_ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

bool Zygote::has_code(const void* address) const {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  return std::any_of(modules_.begin(), modules_.end(),
                     [at](const Module& module) { return module.begin <= at && at < module.end; });
}

/// Precondition: `mutex_` is held.
Channel::Message Zygote::ask(std::uint16_t kind, std::span<const std::byte> bytes,
                             std::span<const int> descriptors) {
  Channel::Message answer;
  // Question and answer belong together under the lock, or threads would read each other's answers.
  if (ended_ || !control_.send(kind, bytes, descriptors) ||
      control_.receive(answer, now() + longest_answer) != Arrival::message) {
    ask_for_end();
    throw ZygoteLost(
        fmt::format("no process can be made for an isolated function: process {}, which forks "
                    "them, {}. Look at the log of the system, or use isolation: none.",
                    pid_, end_.empty() ? "has ended or does not answer" : "has ended: " + end_));
  }
  if (static_cast<ZygoteAnswer>(answer.kind) == ZygoteAnswer::done) return answer;
  ByteReader in(answer.bytes(), "an error of the process that forks");
  const Failure failure = get_failure(in);
  if (failure.category == Category::rank_lost) throw JobShortage(failure.message);
  throw error_of(failure);
}

/// Precondition: `mutex_` is held. Collects the zygote if it has ended by itself.
void Zygote::ask_for_end() {
  if (ended_) return;
  constexpr int most_looks = 200;
  int status = 0;
  pid_t ended = 0;
  // Its descriptors are closed shortly before it can be collected.
  for (int look = 0; look < most_looks && (ended = ::waitpid(pid_, &status, WNOHANG)) == 0; ++look)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (ended == 0) return;  // it lives, and is only busy
  ended_ = true;
  if (ended != pid_) return;  // somebody else has waited for it
  end_ = WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                             : fmt::format("exit({})", WEXITSTATUS(status));
}

std::optional<std::string> Zygote::lost() {
  const std::lock_guard lock(mutex_);
  ask_for_end();
  return ended_ ? std::optional(end_) : std::nullopt;
}

ChildProcess Zygote::spawn(Entry entry) {
  auto [ours, its] = Channel::make();
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) no_process_now(std::strerror(errno));
  // The child's ends of the channel and of the pipe are closed here on return. A copy that stayed would
  // keep them open after the end of the child and of the zygote.
  FileDescriptor ended(pipe[0]);
  const FileDescriptor status(pipe[1]);
  const std::lock_guard lock(mutex_);
  const SpawnRequest request{++last_serial_, reinterpret_cast<std::uintptr_t>(entry)};
  const int descriptors[] = {its.descriptor(), status.get()};
  std::int64_t pid = 0;
  const Channel::Message answer = ask(static_cast<std::uint16_t>(ZygoteRequest::spawn),
                                      std::as_bytes(std::span(&request, 1)), descriptors);
  if (answer.bytes().size() != sizeof pid) throw Bug("a zygote told no process");
  std::memcpy(&pid, answer.bytes().data(), sizeof pid);
  return {shared_from_this(), static_cast<pid_t>(pid), request.serial, std::move(ours), std::move(ended)};
}

std::vector<std::byte> Zygote::run(Task task, std::span<const std::byte> argument) {
  const auto address = reinterpret_cast<std::uintptr_t>(task);
  std::vector<std::byte> bytes(sizeof(std::uint64_t) + argument.size());
  std::memcpy(bytes.data(), &address, sizeof address);
  if (!argument.empty()) std::memcpy(bytes.data() + sizeof address, argument.data(), argument.size());
  const std::lock_guard lock(mutex_);
  const Channel::Message answer = ask(static_cast<std::uint16_t>(ZygoteRequest::run), bytes, {});
  return {answer.bytes().begin(), answer.bytes().end()};
}

void Zygote::kill(pid_t pid, std::uint64_t serial) {
  // There is no answer to wait for. If the zygote has ended, its children have ended with it.
  const KillRequest request{serial, pid};
  const std::lock_guard lock(mutex_);
  control_.send(static_cast<std::uint16_t>(ZygoteRequest::kill), std::as_bytes(std::span(&request, 1)));
}

void Zygote::remember(std::shared_ptr<const void> owner,
                      std::vector<std::pair<const void*, std::uint64_t>> twins) {
  const std::lock_guard lock(mutex_);
  owners_.push_back(std::move(owner));
  twins_.insert(twins_.end(), twins.begin(), twins.end());
  std::sort(twins_.begin(), twins_.end());
}

std::optional<std::uint64_t> Zygote::find_twin(const void* object) const {
  if (is_late()) return reinterpret_cast<std::uintptr_t>(object);
  const std::lock_guard lock(mutex_);
  const auto found = std::lower_bound(twins_.begin(), twins_.end(), std::pair(object, std::uint64_t{0}));
  if (found == twins_.end() || found->first != object) return std::nullopt;
  return found->second;
}

// ---- a child

ChildProcess::~ChildProcess() {
  if (!zygote_) return;  // moved from
  channel_.shut_down();
  pollfd wait{ended_.get(), POLLIN, 0};
  if (::poll(&wait, 1, 0) == 0) kill();
}

void ChildProcess::kill() { zygote_->kill(pid_, serial_); }

std::optional<int> ChildProcess::status(Duration limit) {
  pollfd wait{ended_.get(), POLLIN, 0};
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  while (::poll(&wait, 1, static_cast<int>(milliseconds)) < 0 && errno == EINTR) {
  }
  int status = 0;
  // The status can be read once. A pipe that ends without one tells that the zygote has ended.
  if (wait.revents == 0 ||
      ::read(ended_.get(), &status, sizeof status) != static_cast<ssize_t>(sizeof status))
    return std::nullopt;
  return status;
}

}  // namespace mpipe
