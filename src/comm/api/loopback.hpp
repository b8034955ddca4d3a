// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A network within one process, between threads or for tests, which may disturb it. Every frame is encoded
/// and decoded as on the wire.
#pragma once

#include "comm/api/transport.hpp"

#include <functional>
#include <memory>

namespace mpipe {

/// Which way a frame goes.
enum class Direction { to_worker, to_root };

/// A frame about to be sent.
struct FrameInfo {
  Direction direction = Direction::to_worker;
  WorkerId worker;  ///< the worker at the other end from rank 0
  FrameKind kind = 0;
};

/// What becomes of a frame.
struct Delivery {
  int copies = 1;          ///< 0 drops it, 2 duplicates it
  int delay_polls = 0;     ///< it arrives after the receiver has polled that often
  bool overtakes = false;  ///< it may arrive before earlier ones of the same sender, which MPI never does
};

/// Rank 0 and some workers in one process. The ends belong to the network, which must outlive their use; each
/// is used by one thread at a time, and different ends by different threads.
class LoopbackNetwork {
 public:
  /// Decides about each frame; called by the sending thread, one call at a time.
  using Hook = std::function<Delivery(const FrameInfo&)>;

  LoopbackNetwork(std::uint32_t workers, RunId run, Hook hook = {});
  ~LoopbackNetwork();
  LoopbackNetwork(const LoopbackNetwork&) = delete;
  LoopbackNetwork& operator=(const LoopbackNetwork&) = delete;

  RootTransport& root();
  WorkerTransport& worker(WorkerId worker);

  /// Frames that were sent and have not been received.
  std::size_t undelivered() const;
  /// Throws `Bug` naming a frame that was sent and not received.
  void expect_nothing_sent() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpipe
