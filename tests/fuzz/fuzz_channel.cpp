// SPDX-License-Identifier: BSD-3-Clause
// Any bytes from the other end of a channel: how many descriptors come with them, whether these are sealed
// memory, how many bytes go through the socket; the others are in that memory. An answer that tells an error
// is read as a zygote's.
#include "base/api/failure_bytes.hpp"
#include "fuzz/fuzz_target.hpp"
#include "isolation/api/channel.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace {

using namespace mpipe;

FileDescriptor memory_with(std::span<const std::byte> bytes, bool sealed) {
  FileDescriptor memory(::memfd_create("mpipe-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  fuzz::require(
      memory && ::write(memory.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
      "there is memory");
  if (sealed) ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return memory;
}

/// Sends the bytes as they are, with so many copies of the descriptor.
void send_raw(int socket, std::span<const std::byte> bytes, int descriptor, std::size_t copies) {
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(int) * 8)] = {};
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (copies > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * copies);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * copies);
    for (std::size_t k = 0; k < copies; ++k)
      std::memcpy(CMSG_DATA(header) + k * sizeof(int), &descriptor, sizeof(int));
  }
  fuzz::require(::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()),
                "a socket takes a small message");
}

void use(const Channel::Message& message) {
  const auto bytes = message.bytes();
  fuzz::require(bytes.empty() || reinterpret_cast<std::uintptr_t>(bytes.data()) % 64 == 0,
                "a message lies at a multiple of 64");
  fuzz::require(message.descriptors.size() <= Channel::most_descriptors, "a message has few descriptors");
  const std::vector<std::byte> read(bytes.begin(), bytes.end());  // every byte is there
  try {
    ByteReader in(read, "a failure");
    const Failure failure = get_failure(in);
    ByteWriter again;
    put_failure(again, failure);
    fuzz::require(again.size() == read.size() - in.remaining() &&
                      std::equal(again.bytes().begin(), again.bytes().end(), read.begin()),
                  "a failure reads as it was sent");
  } catch (const Bug&) {
  }
}

void receive_all(Channel& channel) {
  try {
    Channel::Message message;
    while (channel.receive(message) == Arrival::message) use(message);
  } catch (const Bug&) {
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(3);
  const std::size_t copies = std::min<std::size_t>(data[0], Channel::most_descriptors + 1);
  const std::size_t through = std::min<std::size_t>(data[2], bytes.size());
  auto [ours, its] = Channel::make();
  const FileDescriptor memory =
      copies > 0 ? memory_with(bytes.subspan(through), data[1] % 2 == 1) : FileDescriptor();
  if (through > 0) send_raw(its.descriptor(), bytes.first(through), memory.get(), copies);
  its.release().close();  // or it would be waited for
  receive_all(ours);
  return 0;
}
