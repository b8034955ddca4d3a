// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What handles of launched maps are handles of.
#pragma once

#include <mpipe/launch/launch.hpp>

#include "launch/launch_subgroups.hpp"
#include "launch/launched_run.hpp"

#include <functional>

namespace mpipe {

/// Runs that were launched together, on one rank. `turn` makes progress; everything else asks.
class Launch {
 public:
  virtual ~Launch() = default;

  /// Does what has to be done now; returns false when there was no work. May throw `Error` (rank_lost), after
  /// which nothing goes on.
  bool turn();
  virtual std::size_t size() const = 0;
  virtual const MapOutcome& outcome(std::size_t run) const = 0;
  virtual RunStatus status(std::size_t run) const = 0;
  virtual void cancel(std::size_t run) = 0;

  bool over(std::size_t run) const { return outcome(run).state != RunState::pending; }
  /// The other ranks know, too, that all is over.
  bool ended() const { return ended_; }
  void wait_until(const std::function<bool()>& done);
  void cancel_all();
  /// Cancels what is not over, and waits for the end. Does not throw.
  void close() noexcept;

 protected:
  /// The first run that is not over, or `size()`.
  std::size_t first_open();
  virtual bool do_turn() = 0;
  /// All runs are over: tells the other ranks, when they can be told.
  virtual bool tell_end() = 0;
  virtual WaitOptions wait_options() const = 0;

 private:
  bool ended_ = false;
  bool broken_ = false;
  std::size_t first_open_ = 0;  ///< no run before it is open
};

using RunList = std::vector<std::shared_ptr<const RunData>>;
using LeadHook = std::function<void(std::size_t, std::shared_ptr<StatusWriter>)>;

/// Collective. One run after the other on all ranks of `comm`, which have `inventory`, when rank 0 takes its
/// turn. The other ranks return when all are over.
std::shared_ptr<Launch> launch_in_turn(const Communicator& comm, const RunList& runs,
                                       const NodeInventory& inventory, const LeadHook& hook);

/// Collective. Rank 0 directs; the other ranks, divided into `subgroups`, compute, and return when all runs
/// are over. `inventory`: of all ranks. Precondition: two ranks at least.
std::shared_ptr<Launch> launch_on_subgroups(const Communicator& comm, const RunList& runs,
                                            const LaunchSubgroups& subgroups, const NodeInventory& inventory,
                                            const LeadHook& hook);

/// Of other ranks than 0: all is over.
std::shared_ptr<Launch> finished_launch(std::vector<MapOutcome> outcomes);

/// How all runs ended, for the other ranks.
Bytes encode_summary(const Launch& launch);
std::vector<MapOutcome> decode_summary(std::span<const std::byte> bytes, const RunList& runs);

/// Fills in the functions of chunk sizes, which cannot be sent, from the options that this rank brought.
void take_functions(MapOptions& options, const MapOptions& own);

}  // namespace mpipe
