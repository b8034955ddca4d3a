// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A rank of a launch that computes: it does what rank 0 says, and tells it what comes of it.
#pragma once

#include <mpipe/comm/transport.hpp>
#include <mpipe/comm/waiter.hpp>

#include "run/launch_messages.hpp"
#include "run/run_control.hpp"

namespace mpipe {

/// The way to rank 0. One thread.
class SubgroupLink {
 public:
  explicit SubgroupLink(WorkerTransport& transport) : transport_(transport) {}

  /// Never waits.
  void send(LaunchMessage message);
  /// The next message that has arrived in full. Never waits.
  std::optional<LaunchMessage> poll();

 private:
  WorkerTransport& transport_;
  MessageAssembler assembler_;
};

/// What rank 0 says to the leader of a run while it goes on.
class LeaderControl final : public RunControl {
 public:
  LeaderControl(SubgroupLink& link, MapId run) : link_(link), run_(run) {}
  /// Throws `Bug` for a message that a rank at work does not get.
  bool cancelled() override;

 private:
  SubgroupLink& link_;
  MapId run_;
  bool cancelled_ = false;
};

/// What a rank does when its subgroup gets a run.
class SubgroupWork {
 public:
  virtual ~SubgroupWork() = default;
  /// Returns when the run is over for this rank; the leader, which got the request, has said so to rank 0.
  /// What it throws ends the service.
  virtual void compute(MapId run, SubgroupId subgroup, Bytes request, SubgroupLink& link) = 0;
};

/// Serves until rank 0 says that all is over; returns how. Throws `Error` (rank_lost) when it says nothing
/// for longer than the limit of `wait`, if there is one, and what `compute` throws, which rank 0 is told.
Bytes serve_subgroup(SubgroupLink& link, SubgroupWork& work, const WaitOptions& wait);

}  // namespace mpipe
