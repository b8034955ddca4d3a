// SPDX-License-Identifier: BSD-3-Clause
// Messages between two processes over a socket; large ones travel as sealed memory.
#include "isolation/api/channel.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mpipe {

namespace {

constexpr std::uint32_t magic = 0x637a706d;  // "mpzc"
constexpr std::uint16_t wire_version = 1;
constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr std::size_t alignment = 64;

[[noreturn]] void malformed(const char* what) {
  throw Bug(fmt::format("a message of another process is damaged: {}", what));
}

[[noreturn]] void no_descriptors() {
  throw JobShortage(
      "a process has no descriptors left for a message of another one (isolated functions need two for each "
      "process that computes them). Raise the limit of open files (ulimit -n), or use fewer processes.");
}

/// Writes pieces to a file that is memory.
bool write_all(int file, std::span<const std::span<const std::byte>> pieces) {
  for (std::span<const std::byte> rest : pieces)
    while (!rest.empty()) {
      const ssize_t written = ::write(file, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      rest = rest.subspan(static_cast<std::size_t>(written));
    }
  return true;
}

/// The seals are set after the bytes are written, as they forbid writing. From then on not even the sender
/// can change what the receiver has checked.
FileDescriptor sealed_memory(std::span<const std::span<const std::byte>> pieces, std::uint64_t size) {
  FileDescriptor memory(::memfd_create("mpipe", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (memory && write_all(memory.get(), pieces) && ::fcntl(memory.get(), F_ADD_SEALS, seals) == 0)
    return memory;
  throw JobShortage(
      fmt::format("{} bytes cannot be handed to another process: {} (its function runs "
                  "isolated, so its arguments and results are copied). Give the machine more "
                  "memory, or isolate less.",
                  size, std::strerror(errno)));
}

/// Sends all of it; descriptors go with the first byte.
bool send_all(int socket, std::span<const std::byte> bytes, std::span<const int> descriptors) {
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int) * Channel::most_descriptors)] = {};
  while (!bytes.empty()) {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
      std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    // The end of the other process shall be a return value: SIGPIPE would end this one, too.
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
    descriptors = {};
  }
  return true;
}

void take_descriptors(msghdr& message, std::vector<FileDescriptor>& descriptors) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t k = 0; k < count; ++k) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + k * sizeof(int), sizeof(int));
      descriptors.emplace_back(number);
    }
  }
}

/// Milliseconds for `poll`, rounded up; -1: for ever.
int poll_time(TimePoint deadline) {
  if (deadline == never) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

}  // namespace

struct Channel::Header {
  std::uint32_t magic = mpipe::magic;
  std::uint16_t version = wire_version;
  std::uint16_t kind = 0;
  std::uint64_t size = 0;
  std::uint32_t descriptors = 0;
  std::uint32_t in_memory = 0;
};

bool is_shortage(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM ||
         error_number == EAGAIN || error_number == ENOBUFS;
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = other.release();
  }
  return *this;
}

void FileDescriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

Channel::Message::~Message() {
  if (mapped_ != nullptr) ::munmap(mapped_, bytes_.size());
}

void Channel::Message::swap(Message& other) noexcept {
  std::swap(kind, other.kind);
  descriptors.swap(other.descriptors);
  std::swap(bytes_, other.bytes_);
  owned_.swap(other.owned_);
  std::swap(mapped_, other.mapped_);
}

std::pair<Channel, Channel> Channel::make() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw JobShortage(
        fmt::format("no socket can be made for another process: {} (isolated functions need one for each "
                    "process that computes them). Raise the limit of open files (ulimit -n), or use fewer "
                    "processes.",
                    std::strerror(errno)));
  return {Channel(FileDescriptor(ends[0])), Channel(FileDescriptor(ends[1]))};
}

bool Channel::send(std::uint16_t kind, std::span<const std::byte> bytes, std::span<const int> descriptors) {
  return send(kind, std::span(&bytes, 1), descriptors);
}

bool Channel::send(std::uint16_t kind, std::span<const std::span<const std::byte>> pieces,
                   std::span<const int> descriptors) {
  Header header;
  header.kind = kind;
  for (const auto& piece : pieces) header.size += piece.size();
  FileDescriptor memory;
  std::vector<int> all;
  if (header.size > most_inline_bytes) {
    memory = sealed_memory(pieces, header.size);
    header.in_memory = 1;
    // The memory is the first descriptor: this is where the receiver expects it.
    all.push_back(memory.get());
  }
  all.insert(all.end(), descriptors.begin(), descriptors.end());
  if (all.size() > most_descriptors) throw Bug("Channel::send of too many descriptors");
  header.descriptors = static_cast<std::uint32_t>(all.size());
  // Header and small contents go in one write. Descriptors go with its first byte: the receiver takes
  // descriptors only while it reads the header.
  std::vector<std::byte> text(sizeof header + (memory ? 0 : static_cast<std::size_t>(header.size)));
  std::memcpy(text.data(), &header, sizeof header);
  std::size_t at = sizeof header;
  for (const auto& piece : pieces) {
    if (memory || piece.empty()) continue;
    std::memcpy(text.data() + at, piece.data(), piece.size());
    at += piece.size();
  }
  return send_all(socket_.get(), text, all);
}

Arrival Channel::read(std::span<std::byte> bytes, std::vector<FileDescriptor>* descriptors,
                      TimePoint deadline, int ended) {
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int) * most_descriptors)];
  bool over = false;
  while (!bytes.empty()) {
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = descriptors != nullptr ? control : nullptr;
    message.msg_controllen = descriptors != nullptr ? sizeof control : 0;
    const ssize_t count = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count > 0) {
      if (descriptors != nullptr) take_descriptors(message, *descriptors);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK) || over) return Arrival::closed;
    // The end of the process is watched apart from the socket, which its own children may hold open after
    // it.
    pollfd waits[2] = {{socket_.get(), POLLIN, 0}, {ended, POLLIN, 0}};
    const int ready = ::poll(waits, 2, poll_time(deadline));
    // Its last words may have come just before its end: one more look.
    over = ready > 0 && waits[0].revents == 0 && waits[1].revents != 0;
    if (ready == 0 && std::chrono::steady_clock::now() >= deadline) return Arrival::expired;
  }
  return Arrival::message;
}

/// Sealed memory that is really there: reading it can neither fault nor make it grow.
void Channel::take_memory(Message& message, std::uint64_t size) {
  if (message.descriptors.empty()) malformed("no memory came with it");
  const FileDescriptor memory = std::move(message.descriptors.front());
  message.descriptors.erase(message.descriptors.begin());
  struct stat info {};
  constexpr std::uint64_t block_bytes = 512;  // what st_blocks counts
  const int have = ::fcntl(memory.get(), F_GET_SEALS);
  if (have < 0 || (have & seals) != seals || ::fstat(memory.get(), &info) != 0 || info.st_size < 0 ||
      static_cast<std::uint64_t>(info.st_size) != size ||
      static_cast<std::uint64_t>(info.st_blocks) * block_bytes < size)
    malformed("its memory is not of the size that it tells");
  void* const mapped =
      ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, memory.get(), 0);
  if (mapped == MAP_FAILED)
    throw JobShortage(
        fmt::format("{} bytes of another process cannot be mapped: {} (there is no address "
                    "space left for them). Give the process more.",
                    size, std::strerror(errno)));
  message.mapped_ = mapped;
  message.bytes_ = {static_cast<const std::byte*>(mapped), static_cast<std::size_t>(size)};
}

Arrival Channel::receive(Message& message, TimePoint deadline, int ended) {
  // What the last message held is given up before the next is mapped, so that there is one at a time.
  message = Message();
  Header header;
  Arrival arrival =
      read(std::as_writable_bytes(std::span(&header, 1)), &message.descriptors, deadline, ended);
  if (arrival != Arrival::message) return arrival;
  if (header.magic != magic || header.version != wire_version) malformed("it begins with something else");
  // The kernel drops descriptors for which this process has no number left.
  const bool dropped = message.descriptors.size() < header.descriptors;
  if (message.descriptors.size() > header.descriptors) malformed("it has descriptors that it does not tell");
  message.kind = header.kind;
  if (dropped && header.in_memory != 0) no_descriptors();
  if (header.in_memory != 0) {
    if (header.size == 0) malformed("it has no bytes in memory");
    take_memory(message, header.size);
    return Arrival::message;
  }
  if (header.size > most_inline_bytes) malformed("it is longer than messages are");
  const auto size = static_cast<std::size_t>(header.size);
  message.owned_ = std::make_unique<std::byte[]>(size + alignment);
  void* start = message.owned_.get();
  std::size_t space = size + alignment;
  std::align(alignment, size, start, space);
  const std::span<std::byte> bytes(static_cast<std::byte*>(start), size);
  arrival = read(bytes, nullptr, deadline, ended);
  message.bytes_ = bytes;
  // Only now: what follows in the socket is the next message.
  if (dropped && arrival == Arrival::message) no_descriptors();
  return arrival;
}

void Channel::shut_down() {
  if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace mpipe
