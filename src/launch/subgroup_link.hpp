// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A rank of a launch that computes: it does what rank 0 says, and tells it what comes of it.
#pragma once

#include "comm/api/transport.hpp"
#include "comm/api/waiter.hpp"
#include "launch/launch_messages.hpp"
#include "run/api/run_control.hpp"

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
class LeaderControl : public RunControl {
 public:
  LeaderControl(SubgroupLink& link, MapId run) : link_(link), run_(run) {}
  /// Throws `Bug` for a message that a rank at work does not get.
  bool cancelled() override;
  /// Subgroups that may join, and were not taken yet.
  std::vector<SubgroupId> take_offers();

 private:
  SubgroupLink& link_;
  MapId run_;
  bool cancelled_ = false;
  std::vector<SubgroupId> offers_;
};

/// What a rank does when its subgroup gets a run.
class SubgroupWork {
 public:
  virtual ~SubgroupWork() = default;
  /// Returns when the run is over for this rank; the leader, which got the request, has said so to rank 0.
  /// What it throws ends the service.
  virtual void compute(MapId run, SubgroupId subgroup, Bytes request, SubgroupLink& link) = 0;
  /// Its subgroup is on offer to a run: waits for what the rank that leads it says, and takes part in the
  /// rest of the run where that is yes.
  virtual void join(MapId run, int leader, SubgroupLink& link) = 0;
  /// The subgroup was on offer to a run that this rank led, which is over.
  virtual void decline(MapId run, SubgroupId subgroup, SubgroupLink& link) = 0;
};

/// Serves until rank 0 says that all is over; returns how. Throws `Error` (rank_lost) when it says nothing
/// for longer than the limit of `wait`, if there is one, and what `compute` throws, which rank 0 is told.
Bytes serve_subgroup(SubgroupLink& link, SubgroupWork& work, const WaitOptions& wait);

}  // namespace mpipe
