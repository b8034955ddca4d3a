// SPDX-License-Identifier: BSD-3-Clause
// Connects the ranks of a job with rank 0 by TCP.
#include "comm/life_sockets.hpp"

#include <mpipe/core/clock.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"

#include <fmt/format.h>
#include <net/if.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mpipe {
namespace {

constexpr int kDialLimitMs = 3'000;    // to one address
constexpr int kHelloLimitMs = 10'000;  // until the other end has said who it is
constexpr Duration kAllLimit = std::chrono::seconds(60);
constexpr std::uint32_t kAccepted = 0x6d706970;

using Token = std::array<std::byte, 16>;

/// What a rank says first.
struct Hello {
  Token token{};
  std::uint32_t rank = 0;
};

/// Where rank 0 listens.
struct Listening {
  Token token{};
  std::uint16_t port = 0;
  std::vector<std::uint32_t> addresses;  ///< in network order
};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(
      Category::not_supported,
      fmt::format("the ranks could not connect with rank 0 beside MPI: {} ({}). A run that goes on when a "
                  "rank dies needs TCP (IPv4) between the hosts: allow it, or leave --survive out.",
                  what, std::strerror(errno)));
}

sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = host;
  address.sin_port = htons(port);
  return address;
}

/// Of the interfaces that others may reach.
std::vector<std::uint32_t> own_addresses(const Socket& socket) {
  std::array<ifreq, 64> interfaces{};
  ifconf list{};
  list.ifc_len = sizeof(interfaces);
  list.ifc_req = interfaces.data();
  std::vector<std::uint32_t> found;
  if (::ioctl(socket.get(), SIOCGIFCONF, &list) != 0) return found;
  for (std::size_t k = 0; k < static_cast<std::size_t>(list.ifc_len) / sizeof(ifreq); ++k) {
    sockaddr_in address{};
    std::memcpy(&address, &interfaces[k].ifr_addr, sizeof(address));
    if (address.sin_family != AF_INET || (ntohl(address.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET) continue;
    found.push_back(address.sin_addr.s_addr);
  }
  return found;
}

/// Only this host can reach it where all ranks are on one.
Socket listen_at(bool one_host, Listening& listening) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address = address_of(htonl(one_host ? INADDR_LOOPBACK : INADDR_ANY), 0);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (!socket.open() || ::bind(socket.get(), generic, sizeof(address)) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0)
    refuse("rank 0 cannot listen");
  socklen_t size = sizeof(address);
  if (::getsockname(socket.get(), generic, &size) != 0) refuse("rank 0 cannot listen");
  listening.port = ntohs(address.sin_port);
  listening.addresses = {htonl(INADDR_LOOPBACK)};
  if (!one_host) {
    const std::vector<std::uint32_t> others = own_addresses(socket);
    listening.addresses.insert(listening.addresses.end(), others.begin(), others.end());
  }
  if (::getrandom(listening.token.data(), listening.token.size(), 0) !=
      static_cast<ssize_t>(listening.token.size()))
    refuse("getrandom failed");
  return socket;
}

Bytes encode(const Listening& listening) {
  ByteWriter out;
  for (const std::byte byte : listening.token) out.put(static_cast<std::uint8_t>(byte));
  out.put(listening.port);
  for (const std::uint32_t address : listening.addresses) out.put(address);
  return std::move(out.bytes());
}

Listening decode(const Bytes& bytes) {
  ByteReader in(bytes, "where rank 0 listens");
  Listening listening;
  for (std::byte& byte : listening.token) byte = static_cast<std::byte>(in.get<std::uint8_t>());
  listening.port = in.get<std::uint16_t>();
  while (!in.at_end()) listening.addresses.push_back(in.get<std::uint32_t>());
  return listening;
}

bool wait_for(int descriptor, short events, int limit_ms) {
  pollfd entry{descriptor, events, 0};
  for (;;) {
    const int ready = ::poll(&entry, 1, limit_ms);
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

void send_at_once(const Socket& socket) {
  const int on = 1;
  // Without it a word could wait for others to fill a packet: late by tens of milliseconds, and no more.
  static_cast<void>(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
}

/// Whoever else connects is hung up on.
void accept_one(const Socket& listener, const Token& token, std::vector<Socket>& sockets) {
  Socket socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.open()) return;
  send_at_once(socket);
  Hello hello;
  if (!socket.receive(std::as_writable_bytes(std::span(&hello, 1)), kHelloLimitMs)) return;
  if (hello.token != token || hello.rank == 0 || hello.rank >= sockets.size()) return;
  if (socket.send(std::as_bytes(std::span(&kAccepted, 1)))) sockets[hello.rank] = std::move(socket);
}

std::vector<Socket> accept_all(const Socket& listener, const Token& token, int ranks) {
  std::vector<Socket> sockets(static_cast<std::size_t>(ranks));
  const auto missing = [&] {
    return std::find_if(sockets.begin() + 1, sockets.end(), [](const Socket& s) { return !s.open(); });
  };
  const SteadyClock clock;
  const TimePoint end = clock.now() + kAllLimit;
  constexpr int kTurnMs = 100;
  while (missing() != sockets.end()) {
    if (clock.now() > end) {
      errno = ETIMEDOUT;
      refuse(fmt::format("rank {} did not come", missing() - sockets.begin()));
    }
    if (wait_for(listener.get(), POLLIN, kTurnMs)) accept_one(listener, token, sockets);
  }
  return sockets;
}

/// None where nobody answers there, or somebody else does: other hosts may have the same address in networks of
/// their own.
std::optional<Socket> dial(std::uint32_t host, const Listening& listening, int rank) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return std::nullopt;
  const sockaddr_in address = address_of(host, listening.port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
      errno != EINPROGRESS)
    return std::nullopt;
  int error = 0;
  socklen_t size = sizeof(error);
  if (!wait_for(socket.get(), POLLOUT, kDialLimitMs) ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    if (error != 0) errno = error;
    return std::nullopt;
  }
  send_at_once(socket);
  const Hello hello{listening.token, static_cast<std::uint32_t>(rank)};
  std::uint32_t answer = 0;
  if (!socket.send(std::as_bytes(std::span(&hello, 1))) ||
      !socket.receive(std::as_writable_bytes(std::span(&answer, 1)), kHelloLimitMs) || answer != kAccepted)
    return std::nullopt;
  return socket;
}

Socket dial_root(const Listening& listening, int rank, bool with_root) {
  for (const std::uint32_t host : listening.addresses) {
    const bool loopback = host == htonl(INADDR_LOOPBACK);
    if (loopback && !with_root) continue;
    if (std::optional<Socket> socket = dial(host, listening, rank)) return std::move(*socket);
  }
  refuse(fmt::format("rank {} on {} reaches none of its addresses", rank, host_name()));
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  descriptor_ = other.release();
  return *this;
}

int Socket::release() { return std::exchange(descriptor_, -1); }

void Socket::close() {
  if (open()) ::close(release());
}

bool Socket::send(std::span<const std::byte> bytes) const {
  const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

bool Socket::receive(std::span<std::byte> bytes, int limit_ms) const {
  while (!bytes.empty()) {
    if (!wait_for(descriptor_, POLLIN, limit_ms)) return false;
    const ssize_t got = ::recv(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) return false;
    if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

/// Nobody dials before rank 0 listens, as where it does so comes from there.
std::vector<Socket> connect_with_root(const Communicator& group, const std::vector<std::string>& hosts) {
  const bool one_host =
      std::all_of(hosts.begin(), hosts.end(), [&](const std::string& host) { return host == hosts.front(); });
  Socket listener;
  const Listening listening = decode(on_root(group, [&] {
    Listening made;
    listener = listen_at(one_host, made);
    return encode(made);
  }));
  std::vector<Socket> sockets;
  together(group, [&] {
    if (group.is_root()) {
      sockets = accept_all(listener, listening.token, group.size());
      return;
    }
    const bool with_root = hosts[static_cast<std::size_t>(group.rank())] == hosts.front();
    sockets.push_back(dial_root(listening, group.rank(), with_root));
  });
  return sockets;
}

}  // namespace mpipe
