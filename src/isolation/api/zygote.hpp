// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Zygote`: a process that does nothing but fork others, made before this one became large and complicated.
#pragma once

#include "isolation/api/channel.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mpipe {

class Zygote;

/// A zygote has ended, or does not answer: another may do what it was asked for.
class ZygoteLost final : public Error {
 public:
  explicit ZygoteLost(const std::string& message) : Error(Category::not_supported, message) {}
};

/// A child of a zygote, as the process sees it that asked for it. One thread at a time. When it is destroyed
/// the child gets the end of its channel to see, and is killed unless it was let go.
class ChildProcess {
 public:
  ChildProcess(ChildProcess&&) noexcept = default;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  bool send(std::uint16_t kind, std::span<const std::span<const std::byte>> pieces) {
    return channel_.send(kind, pieces);
  }
  /// As `Channel::receive`; also notices the end of a child whose own children still hold its channel.
  Arrival receive(Channel::Message& message, TimePoint deadline = never) {
    return channel_.receive(message, deadline, ended_.get());
  }
  /// By SIGKILL. A child that has ended already is left alone.
  void kill();
  /// What `waitpid` told of it, once. Empty: it has not ended within `limit`, or the zygote has ended too.
  std::optional<int> status(Duration limit = std::chrono::seconds(10));
  pid_t pid() const { return pid_; }
  Zygote& zygote() const { return *zygote_; }

 private:
  friend class Zygote;
  ChildProcess(std::shared_ptr<Zygote> zygote, pid_t pid, std::uint64_t serial, Channel channel,
               FileDescriptor ended)
      : zygote_(std::move(zygote)),
        pid_(pid),
        serial_(serial),
        channel_(std::move(channel)),
        ended_(std::move(ended)) {}

  std::shared_ptr<Zygote> zygote_;
  pid_t pid_;
  std::uint64_t serial_;
  Channel channel_;
  FileDescriptor ended_;  ///< a pipe: the zygote writes the status of the child there
};

/// A process forked from this one, which forks others when it is told to: they start with the memory that it
/// had then. Forked early, before MPI has started, it is small, has one thread, and its children start within
/// a millisecond or two whatever this process grows to; forked late, it has all objects of this process, as
/// they were then, at the same addresses.
///
/// It has its own session, so that signals of a terminal or a launcher do not reach it, no standard input,
/// standard error in place of standard output, default handlers of all signals, and ends, with all its
/// children, when its owner does (PR_SET_PDEATHSIG, and the end of its socket). An early one has closed all
/// descriptors but these.
///
/// Made by the main thread, as it ends together with the thread that made it. Everything else may be called
/// by several threads.
class Zygote : public std::enable_shared_from_this<Zygote> {
 public:
  enum class Moment : std::uint8_t { early, late };
  /// What a child does: it is given its end of the channel, and ends when this returns.
  using Entry = void (*)(Channel channel);
  /// What the zygote itself is asked to do.
  using Task = std::vector<std::byte> (*)(std::span<const std::byte> argument);

  /// Throws `JobShortage` when it cannot be forked.
  static std::shared_ptr<Zygote> start(Moment moment);
  /// Ends it, and with it all its children; waits for that.
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  /// Ends it now, and with it all its children, for a program that finds out that it needs none. Nothing can
  /// be asked of it afterwards.
  void end();
  bool has_ended() const;
  /// How it came to its end, where it has ended by itself (empty text: somebody else knows); nothing while it
  /// lives. May wait for some milliseconds.
  std::optional<std::string> lost();

  bool is_late() const { return moment_ == Moment::late; }
  pid_t pid() const { return pid_; }
  /// Whether this is code of the program, or of a library that was loaded when the zygote was forked: it is
  /// at the same address there.
  bool has_code(const void* address) const;

  /// Throws `JobShortage` when no process can be made now, and `ZygoteLost`.
  ChildProcess spawn(Entry entry);
  /// Calls `task` in the zygote; children that are spawned later have what it left in memory. Throws `Error`
  /// with the category and the message of what the task throws.
  std::vector<std::byte> run(Task task, std::span<const std::byte> argument);

  /// Notes which objects of this process have a twin in the zygote's memory, and where. `owner` keeps the
  /// objects alive, so that no other object takes their place.
  void remember(std::shared_ptr<const void> owner, std::vector<std::pair<const void*, std::uint64_t>> twins);
  /// Where the twin of an object is, for its children. Of a late one: the same address, if the object was
  /// there when it was forked, which is for the caller to know.
  std::optional<std::uint64_t> find_twin(const void* object) const;

 private:
  friend class ChildProcess;
  struct Module {
    std::uintptr_t begin;
    std::uintptr_t end;
  };

  Zygote(Moment moment, pid_t pid, Channel control, std::vector<Module> modules);
  static std::vector<Module> loaded_code();
  void kill(pid_t pid, std::uint64_t serial);
  void ask_for_end();
  Channel::Message ask(std::uint16_t kind, std::span<const std::byte> bytes,
                       std::span<const int> descriptors);

  const Moment moment_;
  const pid_t pid_;
  std::vector<Module> modules_;
  mutable std::mutex mutex_;  ///< of what follows
  bool ended_ = false;
  std::string end_;  ///< how, where it ended by itself
  Channel control_;
  std::uint64_t last_serial_ = 0;
  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<std::pair<const void*, std::uint64_t>> twins_;  ///< sorted
};

}  // namespace mpipe
