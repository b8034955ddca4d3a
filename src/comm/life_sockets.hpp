// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Sockets between rank 0 and each other rank of a job.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/comm/communicator.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mpipe {

/// Owns a socket; movable.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : descriptor_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;

  int get() const { return descriptor_; }
  bool open() const { return descriptor_ >= 0; }
  void close();

  /// Sends all bytes or says that it could not; waits for nobody.
  bool send(std::span<const std::byte> bytes) const;
  /// Receives exactly so many bytes within this time; false where they do not come.
  bool receive(std::span<std::byte> bytes, int limit_ms) const;

 private:
  int release();

  int descriptor_ = -1;
};

/// Collective over a group of MPI. Connects each rank with rank 0 by TCP: within one host over its loopback interface,
/// else over the addresses (IPv4) of rank 0, whichever answers. Both ends prove by a random number, which travelled
/// by MPI, that they belong together. Returns on rank 0 the sockets by rank (none for itself), on the others the one to
/// rank 0. Throws alike on all ranks.
std::vector<Socket> connect_with_root(const Communicator& group, const std::vector<std::string>& hosts);

}  // namespace mpipe
