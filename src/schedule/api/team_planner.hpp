// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Elements that several workers compute together, and which workers those will be.
#pragma once

#include <mpipe/core/index.hpp>

#include "schedule/api/element_pool.hpp"

#include <optional>
#include <span>
#include <vector>

namespace mpipe {

/// Elements that want a team of this many workers each.
struct TeamElements {
  std::uint32_t ranks = 1;
  RangeSet elements;
};

/// A team that can begin.
struct NextTeam {
  std::vector<WorkerId> members;  ///< ascending; the first one leads
  std::uint32_t stage = 0;
  IndexRange element;  ///< one
};

/// The part of the scheduler that knows of teams: pure, and told of workers that become idle or busy.
///
/// Rules
/// - The stage that became ready first comes first, and in it the largest teams, which are the hardest to
/// place.
///   Teams that could never be placed, as too many workers are lost, are passed over.
/// - A team is placed within one node where one has workers enough; where none has, over as few as possible.
///   A node with enough idle workers is taken at once, the one that they fill best.
/// - Otherwise the first team in line holds a node (or, where none is large enough, all workers): idle
/// workers
///   of it are kept for the team, so that it begins when the blocks that run there are over. Only one team
///   holds workers at a time, so that two never wait for each other. Meanwhile others begin where workers
///   that nobody holds are enough for them.
///
/// Costs O(nodes + workers of a node) for each team; O(1) for each worker that becomes idle or busy.
class TeamPlanner {
 public:
  /// `nodes`: by worker; empty for those that join no team.
  explicit TeamPlanner(std::span<const std::optional<std::uint32_t>> nodes);

  // Elements
  void add(std::uint32_t stage, std::uint64_t order, const TeamElements& elements);
  void give_back(std::uint32_t stage, std::uint64_t order, std::uint32_t ranks, IndexRange element);
  bool empty() const { return pools_.empty(); }
  /// Some element could be given to a team of workers that are not lost.
  bool has_feasible() const;
  RangeSet elements(std::uint32_t stage) const;

  // Workers. All are busy at first.
  void set_idle(WorkerId worker, bool idle);
  void lose(WorkerId worker);

  /// The team that can begin now, whose element is taken. `may_spread`: the idle workers have nothing else to
  /// do, so a team may begin over several nodes although it would fit into one. `first_only`: none but the
  /// first in line. Its workers are to be set busy by the caller.
  std::optional<NextTeam> next(bool may_spread, bool first_only);
  /// Idle workers that this one is among are kept for the first team in line.
  bool holds(WorkerId worker) const;
  /// Those that are held, idle or busy; empty when no team waits for workers.
  std::span<const WorkerId> held() const;
  /// How many of them must become idle for the team to begin.
  std::size_t missing() const;
  /// Lets the held workers go, e.g. because no more blocks are handed out.
  void release();
  /// Changes whenever the set of held workers does.
  std::uint64_t held_version() const { return version_; }

 private:
  static constexpr std::uint32_t no_node = ~std::uint32_t{0};
  struct Worker {
    std::uint32_t node = no_node;
    bool idle = false;
    bool lost = false;
  };
  struct Node {
    std::vector<WorkerId> workers;  ///< not lost, ascending
    std::size_t idle = 0;
  };
  struct Pool {
    std::uint32_t stage = 0;
    std::uint64_t order = 0;
    std::uint32_t ranks = 0;
    ElementPool elements;
  };
  /// What the first team in line waits for.
  struct Target {
    std::uint32_t ranks = 0;
    std::uint32_t node = no_node;  ///< `no_node`: any workers
  };

  Pool& pool_of(std::uint32_t stage, std::uint64_t order, std::uint32_t ranks);
  bool is_held(std::uint32_t node) const {
    return target_ && (target_->node == no_node || target_->node == node);
  }
  std::optional<std::uint32_t> node_with_idle(std::uint32_t ranks, bool also_held) const;
  std::optional<std::uint32_t> node_to_hold(std::uint32_t ranks) const;
  std::vector<WorkerId> idle_of(const Node& node, std::size_t count) const;
  std::vector<WorkerId> idle_of_many(std::size_t count) const;
  std::optional<std::vector<WorkerId>> place(std::uint32_t ranks, bool first, bool may_spread) const;
  NextTeam begin(std::size_t pool, std::vector<WorkerId> members);
  void hold(std::uint32_t ranks);

  std::vector<Worker> workers_;
  std::vector<Node> nodes_;
  std::vector<WorkerId> alive_;  ///< that join teams, ascending
  std::size_t idle_ = 0;
  std::vector<Pool> pools_;  ///< none is empty; in the order in which they come
  std::optional<Target> target_;
  std::uint64_t version_ = 0;
  bool changed_ = true;  ///< since `next` had nothing to begin
};

}  // namespace mpipe
