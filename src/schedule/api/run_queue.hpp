// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which run is computed by which ranks, when: several runs, a few subgroups of ranks, as a pure state
/// machine.
#pragma once

#include <mpipe/core/index.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

namespace mpipe {

using MapId = Id<struct MapTag>;            ///< position of a run among those that were launched together
using SubgroupId = Id<struct SubgroupTag>;  ///< ranks that go from run to run together

/// `subgroup`, which is idle, computes `run`, which waited; its first rank leads.
struct BeginRun {
  MapId run;
  SubgroupId subgroup;
};
/// No run waits: `subgroup`, which is idle, may join those that compute `run`. To be answered once.
struct OfferSubgroup {
  MapId run;
  SubgroupId subgroup;
};
/// A run that goes on is to come to an end.
struct CancelRun {
  MapId run;
};
using RunAction = std::variant<BeginRun, OfferSubgroup, CancelRun>;

/// Hands runs to subgroups, in the order of the runs. Events go in, actions come out:
///
///     queue.on_...(..);
///     while (auto action = queue.next_action()) carry_out(*action);
///
/// Rules
/// - A run that waits begins on the first idle subgroup. When none waits, an idle subgroup is offered to the
/// running
///   run with the fewest ranks (those on offer included), among those that did not decline.
/// - When a run is over, all its subgroups are idle again, each by itself.
/// - A run that is cancelled while it waits never begins.
///
/// Invariant: a subgroup is idle, in one run, or on offer to one run. One thread at a time.
class RunQueue {
 public:
  enum class State : std::uint8_t { waiting, running, over };

  /// `subgroup_sizes`: ranks of each subgroup. Throws `Bug` without a subgroup.
  RunQueue(std::uint32_t runs, std::vector<std::uint32_t> subgroup_sizes);

  /// A run has ended, in whatever way; offers to it are answered separately. Throws `Bug` for one that does
  /// not run.
  void on_over(MapId run);
  /// The subgroup serves the run from now on. Throws `Bug` when it was not on offer to it.
  void on_joined(MapId run, SubgroupId subgroup);
  /// The run will have no subgroup any more: it is over, or in its last stage. Throws `Bug` as above.
  void on_declined(MapId run, SubgroupId subgroup);
  /// One that is over stays as it is.
  void cancel(MapId run);

  std::optional<RunAction> next_action();

  State state(MapId run) const { return runs_.at(run.value).state; }
  /// Was cancelled before it began.
  bool dropped(MapId run) const { return runs_.at(run.value).dropped; }
  /// The subgroups that serve a run, first the one that leads; empty unless it runs.
  std::vector<SubgroupId> subgroups_of(MapId run) const;
  /// All runs are over, and no subgroup is on offer.
  bool finished() const;
  std::uint32_t run_count() const { return static_cast<std::uint32_t>(runs_.size()); }

 private:
  struct Run {
    State state = State::waiting;
    bool dropped = false;
    bool cancelling = false;
    bool declines = false;
    std::vector<SubgroupId> subgroups;
    std::uint64_t ranks = 0;  ///< of its subgroups, and of those on offer to it
  };
  enum class Duty : std::uint8_t { idle, on_offer, serving };
  struct Subgroup {
    std::uint32_t size = 0;
    Duty duty = Duty::idle;
    MapId run;
  };

  std::optional<SubgroupId> idle_subgroup() const;
  std::optional<MapId> next_waiting();
  std::optional<MapId> run_that_takes() const;
  Subgroup& offered(MapId run, SubgroupId subgroup);

  std::vector<Run> runs_;
  std::vector<Subgroup> subgroups_;
  std::uint32_t first_waiting_ = 0;  ///< no run before it waits
  std::deque<MapId> to_cancel_;
};

}  // namespace mpipe
