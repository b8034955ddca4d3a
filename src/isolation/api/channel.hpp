// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Messages between two processes of one program on one machine: a rank, and those that it has forked.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mpipe {

/// The job lacks descriptors, processes or memory at the moment, which is nothing that a function did: it ends
/// a run (category rank_lost) where waiting does not help.
class JobShortage final : public Error {
 public:
  explicit JobShortage(const std::string& message) : Error(Category::rank_lost, message) {}
};
/// Whether an error of the system is of that kind.
bool is_shortage(int error_number);

/// Owns a file descriptor, and closes it. Negative: none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { close(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }
  void close();

 private:
  int number_ = -1;
};

/// What came of waiting for a message.
enum class Arrival : std::uint8_t {
  message,
  closed,  ///< the other process has ended, or closed its end
  expired  ///< the deadline has passed
};

/// For waits without a deadline.
inline constexpr TimePoint never = TimePoint::max();

/// One end of a pair. A message is a kind, bytes and a few file descriptors; bytes of more than 64 KiB travel
/// as sealed memory (memfd), not through the socket. Header of each message:
///
///     u32 magic, u16 version, u16 kind, u64 size, u32 descriptors (first the memory, if any), u32 in memory
///
/// One thread at a time uses an end. Two processes that were forked from one agree on everything that is not
/// checked here.
class Channel {
 public:
  static constexpr std::size_t most_inline_bytes = 64 * 1024;
  static constexpr std::size_t most_descriptors = 4;

  /// A message that was received.
  class Message {
   public:
    Message() = default;
    Message(Message&& other) noexcept { swap(other); }
    Message& operator=(Message&& other) noexcept {
      swap(other);
      return *this;
    }
    ~Message();

    std::uint16_t kind = 0;
    std::vector<FileDescriptor> descriptors;
    /// They live as long as the message, and lie at an address that is a multiple of 64.
    std::span<const std::byte> bytes() const { return bytes_; }

   private:
    friend class Channel;
    void swap(Message& other) noexcept;

    std::span<const std::byte> bytes_;
    std::unique_ptr<std::byte[]> owned_;
    void* mapped_ = nullptr;  ///< sealed memory: it can neither shrink nor change
  };

  Channel() = default;
  explicit Channel(FileDescriptor socket) : socket_(std::move(socket)) {}
  /// Both ends; closed in programs that are executed. Throws `JobShortage` when there are none left.
  static std::pair<Channel, Channel> make();

  /// Sends the pieces one behind the other. False: nobody is there to receive it any more. Throws
  /// `JobShortage` when there is no memory for it.
  bool send(std::uint16_t kind, std::span<const std::span<const std::byte>> pieces,
            std::span<const int> descriptors = {});
  bool send(std::uint16_t kind, std::span<const std::byte> bytes, std::span<const int> descriptors = {});

  /// Waits for a message until the deadline. `ended`: a descriptor that can be read, or is hung up, once the
  /// other process has ended; it counts when no message is there. Throws `Bug` for what `send` does not make:
  /// it may be the last words of a process that was out of its mind. Throws `JobShortage` when there are no
  /// descriptors for those that came; the message is gone then.
  Arrival receive(Message& message, TimePoint deadline = never, int ended = -1);

  /// The other end sees the end, also where a third process holds a copy of this one.
  void shut_down();
  int descriptor() const { return socket_.get(); }
  FileDescriptor release() { return std::move(socket_); }

 private:
  struct Header;
  Arrival read(std::span<std::byte> bytes, std::vector<FileDescriptor>* descriptors, TimePoint deadline,
               int ended);
  static void take_memory(Message& message, std::uint64_t size);

  FileDescriptor socket_;
};

}  // namespace mpipe
