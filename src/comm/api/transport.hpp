// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Frames between rank 0 and the workers: the seam between those who hand out work and the network. Two
/// implementations: MPI (below), and one within a process, for one rank and for tests (loopback.hpp).
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "comm/api/frame.hpp"

#include <memory>

namespace mpipe {

/// Rank 0's end. One thread. Frames between two ends arrive in the order sent; those of different workers in
/// any order.
class RootTransport {
 public:
  virtual ~RootTransport() = default;
  virtual std::uint32_t worker_count() const = 0;

  /// Sends a frame, and never waits for the receiver. `body` is copied; `payload` is kept until it is sent.
  virtual void send(WorkerId worker, FrameKind kind, std::span<const std::byte> body,
                    std::vector<std::byte> payload = {}) = 0;
  /// The next frame that has arrived completely, or null. It stays valid until the next call.
  virtual const Frame* poll() = 0;
  /// Everything sent is out of this process; call `poll` until then.
  virtual bool all_sent() = 0;
  /// Something is on its way out or a payload on its way in: MPI moves them while it is polled, so do it
  /// often.
  virtual bool transferring() const = 0;
};

/// The end of one worker. One thread; the same guarantees.
class WorkerTransport {
 public:
  virtual ~WorkerTransport() = default;
  virtual WorkerId worker() const = 0;
  virtual void send(FrameKind kind, std::span<const std::byte> body, std::vector<std::byte> payload = {}) = 0;
  /// As above. Receives stay posted between calls, so that frames arrive while this worker computes.
  virtual const Frame* poll() = 0;
  virtual bool all_sent() = 0;
  virtual bool transferring() const = 0;
};

/// Collective with `make_worker_transport`: rank 0 makes this, all others that. Worker i is rank i + 1. Works
/// on a duplicate of `comm`. The destructors end what is under way: they wait up to `MPIPE_WAIT_LIMIT` (10 s
/// where there is none) for what was sent, so each side should have received what it expects before. Throws
/// as `Communicator` does.
std::unique_ptr<RootTransport> make_root_transport(const Communicator& comm, RunId run);
std::unique_ptr<WorkerTransport> make_worker_transport(const Communicator& comm, RunId run);

}  // namespace mpipe
