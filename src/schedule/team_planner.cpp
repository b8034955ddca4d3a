// SPDX-License-Identifier: BSD-3-Clause
// Chooses which element gets a team next, and of which workers the team is made.
#include "schedule/api/team_planner.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>
#include <tuple>

namespace mpipe {

TeamPlanner::TeamPlanner(std::span<const std::optional<std::uint32_t>> nodes) : workers_(nodes.size()) {
  for (std::uint32_t worker = 0; worker < nodes.size(); ++worker) {
    if (!nodes[worker]) continue;
    workers_[worker].node = *nodes[worker];
    if (*nodes[worker] >= nodes_.size()) nodes_.resize(*nodes[worker] + 1);
    nodes_[*nodes[worker]].workers.push_back({worker});
    alive_.push_back({worker});
  }
}

// Elements

TeamPlanner::Pool& TeamPlanner::pool_of(std::uint32_t stage, std::uint64_t order, std::uint32_t ranks) {
  // The stage that became ready first comes first. The complement puts large teams before small ones.
  const auto key = [](const Pool& pool) { return std::tuple(pool.order, ~pool.ranks, pool.stage); };
  Pool wanted{stage, order, ranks, {}};
  const auto at = std::lower_bound(pools_.begin(), pools_.end(), wanted,
                                   [&](const Pool& a, const Pool& b) { return key(a) < key(b); });
  if (at != pools_.end() && key(*at) == key(wanted)) return *at;
  return *pools_.insert(at, std::move(wanted));
}

void TeamPlanner::add(std::uint32_t stage, std::uint64_t order, const TeamElements& elements) {
  if (elements.elements.empty()) return;
  pool_of(stage, order, elements.ranks).elements.add(elements.elements);
  changed_ = true;
}

void TeamPlanner::give_back(std::uint32_t stage, std::uint64_t order, std::uint32_t ranks,
                            IndexRange element) {
  pool_of(stage, order, ranks).elements.give_back(element);
  changed_ = true;
}

bool TeamPlanner::has_feasible() const {
  return std::any_of(pools_.begin(), pools_.end(),
                     [&](const Pool& pool) { return pool.ranks <= alive_.size(); });
}

RangeSet TeamPlanner::elements(std::uint32_t stage) const {
  RangeSet all;
  for (const Pool& pool : pools_)
    if (pool.stage == stage) all = all.united(pool.elements.elements());
  return all;
}

// Workers

void TeamPlanner::set_idle(WorkerId id, bool idle) {
  Worker& worker = workers_[id.value];
  if (worker.node == no_node || worker.lost || worker.idle == idle) return;
  worker.idle = idle;
  nodes_[worker.node].idle += idle ? 1 : -1;
  idle_ += idle ? 1 : -1;
  // A worker that becomes busy makes no team possible, and is no reason to look again.
  changed_ = changed_ || idle;
}

void TeamPlanner::lose(WorkerId id) {
  // The worker leaves the counts of idle ones while it is not lost yet, as they ignore those that are.
  set_idle(id, false);
  Worker& worker = workers_[id.value];
  if (worker.node == no_node || worker.lost) return;
  worker.lost = true;
  std::erase(nodes_[worker.node].workers, id);
  std::erase(alive_, id);
  release();  // what was held may not be enough any more
  changed_ = true;
}

bool TeamPlanner::holds(WorkerId worker) const {
  const std::uint32_t node = workers_[worker.value].node;
  return node != no_node && is_held(node);
}

std::span<const WorkerId> TeamPlanner::held() const {
  if (!target_) return {};
  return target_->node == no_node ? std::span(alive_) : std::span(nodes_[target_->node].workers);
}

std::size_t TeamPlanner::missing() const {
  const std::size_t idle = target_->node == no_node ? idle_ : nodes_[target_->node].idle;
  return target_->ranks - std::min<std::size_t>(idle, target_->ranks);
}

void TeamPlanner::release() {
  version_ += target_ ? 1 : 0;
  target_.reset();
}

// Placing

/// The node that a team fills best with its idle workers.
std::optional<std::uint32_t> TeamPlanner::node_with_idle(std::uint32_t ranks, bool also_held) const {
  std::optional<std::uint32_t> best;
  for (std::uint32_t node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].idle < ranks || (!also_held && is_held(node))) continue;
    if (!best || nodes_[node].idle < nodes_[*best].idle) best = node;
  }
  return best;
}

/// The node that lacks the fewest.
std::optional<std::uint32_t> TeamPlanner::node_to_hold(std::uint32_t ranks) const {
  std::optional<std::uint32_t> best;
  for (std::uint32_t node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].workers.size() < ranks) continue;
    if (!best || nodes_[node].idle > nodes_[*best].idle) best = node;
  }
  return best;
}

std::vector<WorkerId> TeamPlanner::idle_of(const Node& node, std::size_t count) const {
  std::vector<WorkerId> idle;
  for (const WorkerId worker : node.workers)
    if (idle.size() < count && workers_[worker.value].idle) idle.push_back(worker);
  return idle;
}

/// Of the nodes with most idle workers first.
std::vector<WorkerId> TeamPlanner::idle_of_many(std::size_t count) const {
  std::vector<const Node*> nodes;
  for (const Node& node : nodes_)
    if (node.idle > 0) nodes.push_back(&node);
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const Node* a, const Node* b) { return a->idle > b->idle; });
  std::vector<WorkerId> members;
  for (const Node* node : nodes) {
    const std::vector<WorkerId> some = idle_of(*node, count - members.size());
    members.insert(members.end(), some.begin(), some.end());
    if (members.size() == count) break;
  }
  std::sort(members.begin(), members.end());
  return members;
}

/// `first`: of the team in line for which workers are held.
std::optional<std::vector<WorkerId>> TeamPlanner::place(std::uint32_t ranks, bool first,
                                                        bool may_spread) const {
  if (const auto node = node_with_idle(ranks, first)) return idle_of(nodes_[*node], ranks);
  if (!first || idle_ < ranks) return std::nullopt;
  const bool fits_a_node = std::any_of(nodes_.begin(), nodes_.end(),
                                       [&](const Node& node) { return node.workers.size() >= ranks; });
  if (fits_a_node && !may_spread) return std::nullopt;
  return idle_of_many(ranks);
}

std::optional<NextTeam> TeamPlanner::next(bool may_spread, bool first_only) {
  // Nothing has changed since the last vain look, so the walk over all pools is spared.
  if (pools_.empty() || (!changed_ && !may_spread)) return std::nullopt;
  bool first = true;
  for (std::size_t k = 0; k < pools_.size(); ++k) {
    const std::uint32_t ranks = pools_[k].ranks;
    if (ranks > alive_.size()) continue;
    if (auto members = place(ranks, first, may_spread)) return begin(k, std::move(*members));
    // Without a hold, small teams and single elements would take each worker that becomes idle, and a large
    // team would never begin.
    if (first) hold(ranks);
    // `changed_` stays as it is here: the others in line were not looked at, and may be able to begin.
    if (first_only) return std::nullopt;
    first = false;
  }
  changed_ = false;
  return std::nullopt;
}

NextTeam TeamPlanner::begin(std::size_t k, std::vector<WorkerId> members) {
  Pool& pool = pools_[k];
  NextTeam team{std::move(members), pool.stage, pool.elements.take(1)};
  const bool first = std::all_of(pools_.begin(), pools_.begin() + static_cast<std::ptrdiff_t>(k),
                                 [&](const Pool& earlier) { return earlier.ranks > alive_.size(); });
  // Workers were held for the first in line, and it begins now.
  if (first) release();
  // This is last, as `pool` refers to the entry that goes.
  if (pool.elements.empty()) pools_.erase(pools_.begin() + static_cast<std::ptrdiff_t>(k));
  return team;
}

void TeamPlanner::hold(std::uint32_t ranks) {
  // A hold does not move to a node that has more idle workers by now, or the wait could start again and
  // again.
  if (target_ && target_->ranks == ranks) return;
  target_ = Target{ranks, node_to_hold(ranks).value_or(no_node)};
  ++version_;
}

}  // namespace mpipe
