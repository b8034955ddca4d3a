// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Rank 0 of a launch: gives runs to subgroups of the other ranks, and hears of them.
#pragma once

#include "comm/api/transport.hpp"
#include "launch/launch_messages.hpp"
#include "schedule/api/run_queue.hpp"

namespace mpipe {

/// What rank 0 knows about runs beside who computes them.
class RunEvents {
 public:
  virtual ~RunEvents() = default;
  /// What the subgroup is told about a run that begins now.
  virtual Bytes request(MapId run) = 0;
  /// `started` .. `over`, as the leader of the run sent it.
  virtual void on_message(LaunchMessage message) = 0;
  /// A run was cancelled before it began.
  virtual void on_dropped(MapId run) = 0;
};

/// Never waits: all that has to be done is done in `turn`. One thread.
class LaunchDirector {
 public:
  /// `subgroups`: workers of each, the first one leads.
  LaunchDirector(RootTransport& transport, std::uint32_t runs, std::vector<std::vector<WorkerId>> subgroups,
                 RunEvents& events);

  /// Deals with what has arrived, and with what follows from it. Returns whether there was anything. Throws
  /// `Bug` for a message that no worker sends, `Error` (rank_lost) when one of them cannot go on.
  bool turn();
  /// Does nothing to a run that is over.
  void cancel(MapId run);

  RunQueue::State state(MapId run) const { return queue_.state(run); }
  bool finished() const { return queue_.finished(); }
  /// The last message to all. Precondition: finished.
  void send_end(const Bytes& summary);

 private:
  void act();
  void take(WorkerId from, LaunchMessage message);
  void send(WorkerId to, LaunchMessage message);
  void begin(const BeginRun& begin);
  void offer(const OfferSubgroup& offer);

  RootTransport& transport_;
  RunQueue queue_;
  std::vector<std::vector<WorkerId>> subgroups_;
  std::vector<WorkerId> leader_of_;  ///< by run, while it runs
  std::vector<MessageAssembler> assemblers_;
  RunEvents& events_;
};

}  // namespace mpipe
