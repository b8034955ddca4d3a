// SPDX-License-Identifier: BSD-3-Clause
// Compares what functions need with what nodes and ranks have, and divides devices among ranks.
#include "run/api/check_resources.hpp"

#include <mpipe/core/error.hpp>

#include "exec/api/block_runner.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

[[noreturn]] void refuse(const std::string& problem) { throw Error(Category::bad_option, problem); }

/// `visit(function, executor)` for all functions of the plan.
template <class Visitor>
void for_each_function(const Plan& plan, const Settings& settings, Visitor visit) {
  for (const Stage& stage : plan.stages())
    for (const FunctionId id : stage.functions)
      visit(plan.pipeline().function(id), settings.executor_of(stage.id));
}

/// A memory of 0 means that the node does not tell how much it has, so there is nothing to compare with.
void check_on_node(const FunctionNode& function, const NodeResources& node) {
  const Resources& needs = function.function.resources();
  if (needs.threads > node.cores)
    refuse(fmt::format(
        "function '{}' needs {} threads, but the node {} has {} cores (its threads would wait for each "
        "other). Ask for at most {} threads.",
        function.name(), needs.threads, node.host, node.cores, node.cores));
  if (node.memory > 0 && needs.memory > node.memory)
    refuse(fmt::format(
        "function '{}' needs {} bytes of memory, but the node {} has {}. Ask for less, or use nodes with "
        "more.",
        function.name(), needs.memory, node.host, node.memory));
  if (needs.gpus > static_cast<int>(node.devices.size()))
    refuse(fmt::format(
        "function '{}' needs {} gpus, but the node {} has {}. Ask for less, or use nodes with more "
        "(MPIPE_GPUS tells how many there are, where they are not found).",
        function.name(), needs.gpus, node.host, node.devices.size()));
}

/// The most gpus that a call needs, by the ranks that make such calls; 0 where no call needs any.
struct DeviceNeeds {
  int everywhere = 0;  ///< any rank
  int in_teams = 0;    ///< any but rank 0, which schedules
  int on_root = 0;     ///< rank 0
};

DeviceNeeds device_needs(const Plan& plan, const Settings& settings) {
  DeviceNeeds needs;
  for_each_function(plan, settings, [&](const FunctionNode& function, const ExecutorChoice& executor) {
    const Resources& call = function.function.resources();
    // Executors other than mpi work in the process of rank 0, so only that rank has to find the devices.
    int& most = executor.kind != ExecutorKind::mpi ? needs.on_root
                : call.ranks > 1                   ? needs.in_teams
                                                   : needs.everywhere;
    most = std::max(most, call.gpus);
  });
  return needs;
}

/// The ranks of a node that make calls with gpus, and what the hungriest of those calls needs.
struct DeviceUsers {
  std::vector<int> ranks;
  int needed = 0;
};

DeviceUsers users_on(const NodeResources& node, const DeviceNeeds& needs, bool rank0_computes) {
  DeviceUsers users;
  for (const int rank : node.ranks) {
    int needed = std::max(needs.everywhere, needs.in_teams);
    if (rank == 0) needed = std::max(needs.on_root, rank0_computes ? needs.everywhere : 0);
    if (needed > 0) users.ranks.push_back(rank);
    users.needed = std::max(users.needed, needed);
  }
  return users;
}

/// Gives the ranks of a node that need devices equal shares of them, which do not overlap. What is left over
/// after the division stays unused: a rank with one more than the others could not be relied upon, as any
/// rank may get any call.
void share_node(const NodeResources& node, const DeviceNeeds& needs, DeviceShares& shares) {
  const auto [ranks, needed] = users_on(node, needs, shares.rank0_computes);
  if (ranks.empty()) return;
  const std::size_t share = node.devices.size() / ranks.size();
  for (std::size_t k = 0; k < ranks.size(); ++k) {
    const auto begin = node.devices.begin() + static_cast<std::ptrdiff_t>(k * share);
    shares.of_rank[static_cast<std::size_t>(ranks[k])].assign(begin,
                                                              begin + static_cast<std::ptrdiff_t>(share));
  }
  if (static_cast<int>(share) >= needed) return;
  const std::size_t others = node.ranks.size() - ranks.size();
  refuse(fmt::format(
      "a call needs {} gpus, and the {} ranks that compute on the node {} have {} each, of the {} "
      "gpus of the node (no two ranks use the same one at a time). Start at most {} ranks on it.",
      needed, ranks.size(), node.host, share, node.devices.size(),
      node.devices.size() / static_cast<std::size_t>(needed) + others));
}

/// Rank 0, which also schedules, leaves its devices to the others where there are not enough for all.
bool leaves_devices(const NodeInventory& inventory, const DeviceNeeds& needs, Rank0 rank0) {
  if (needs.everywhere == 0 || needs.on_root > 0 || rank0 == Rank0::work) return false;
  const NodeResources& node = inventory.nodes.front();
  return rank0 == Rank0::schedule ||
         (node.ranks.size() > 1 &&
          node.devices.size() < node.ranks.size() * static_cast<std::size_t>(needs.everywhere));
}

template <class Predicate>
bool any_function(const Plan& plan, Predicate&& holds) {
  for (const Stage& stage : plan.stages())
    for (const FunctionId id : stage.functions)
      if (holds(plan.pipeline().function(id).function)) return true;
  return false;
}

/// Whether the rule for the number of ranks reads inputs of the run only. Such a rule can be asked before the
/// run starts; one that reads outputs has to wait until they are computed.
bool takes_constants_only(const Plan& plan, FunctionId id) {
  const PlannedFunction& planned = *plan.function(id);
  for (const std::size_t k : plan.pipeline().function(id).function.rank_rule_positions())
    if (planned.arguments[k].output) return false;
  return true;
}

[[noreturn]] void refuse_team(const FunctionNode& node, const ExecutorChoice& executor, int ranks, int most) {
  const int wanted = node.function.resources().ranks;
  if (executor.kind != ExecutorKind::mpi)
    throw Error(
        Category::bad_option,
        fmt::format("function '{}' wants {} ranks for one call, which the executor '{}' does not have. "
                    "Use mpi, on {} ranks or more (mpirun -n {}).",
                    node.name(), wanted, executor.to_string(), wanted + 1, wanted + 1),
        {Subject::Kind::function, node.name()});
  throw Error(
      Category::bad_option,
      fmt::format("function '{}' wants {} ranks for one call, and this run on {} has {} for it (rank 0 "
                  "schedules and is in no team). Start it on {} ranks or more (mpirun -n {}).",
                  node.name(), wanted, ranks, ranks > 1 ? most : 0, wanted + 1, wanted + 1),
      {Subject::Kind::function, node.name()});
}

}  // namespace

bool needs_devices(const Pipeline& pipeline) {
  return std::any_of(pipeline.functions().begin(), pipeline.functions().end(),
                     [](const FunctionNode& node) { return node.function.resources().gpus > 0; });
}

DeviceShares share_devices(const Plan& plan, const Settings& settings, const NodeInventory& inventory,
                           Rank0 rank0) {
  const DeviceNeeds needs = device_needs(plan, settings);
  std::size_t ranks = 0;
  for (const NodeResources& node : inventory.nodes) ranks += node.ranks.size();
  DeviceShares shares{std::vector<std::vector<int>>(ranks), true};
  if (ranks > 1) shares.rank0_computes = !leaves_devices(inventory, needs, rank0);
  for (const NodeResources& node : inventory.nodes) share_node(node, needs, shares);
  return shares;
}

void check_resources(const Plan& plan, const Settings& settings, const NodeInventory& inventory,
                     Rank0 rank0) {
  for_each_function(plan, settings, [&](const FunctionNode& function, const ExecutorChoice& executor) {
    const bool on_all = executor.kind == ExecutorKind::mpi;
    // The first node is the one of rank 0, where all executors but mpi do their work.
    const auto first = inventory.nodes.begin();
    std::for_each(first, on_all ? inventory.nodes.end() : first + 1,
                  [&](const NodeResources& node) { check_on_node(function, node); });
    if (executor.calls_from_threads && function.function.resources().gpus > 0)
      refuse(fmt::format(
          "function '{}' needs gpus, which the executor {} cannot give to each of the calls that it makes "
          "at a time. Use mpi or sequential for it.",
          function.name(), executor.to_string()));
  });
  // Called for its check alone: it refuses nodes whose devices are too few for the ranks on them.
  share_devices(plan, settings, inventory, rank0);
}

bool wants_teams(const Plan& plan) {
  return any_function(plan, [](const Function& function) { return function.wants_teams(); });
}

bool takes_communicators(const Plan& plan) {
  return any_function(plan, [](const Function& function) { return function.body().takes_communicator(); });
}

int most_ranks(const Settings& settings, StageId stage, int ranks) {
  const bool mpi = settings.executor_of(stage).kind == ExecutorKind::mpi;
  return mpi ? std::max(1, ranks - 1) : 1;
}

void check_teams(const Plan& plan, const Settings& settings, int ranks) {
  for (const Stage& stage : plan.stages()) {
    const FunctionId id = stage.functions.front();
    const FunctionNode& node = plan.pipeline().function(id);
    if (!node.function.wants_teams()) continue;
    const int most = most_ranks(settings, stage.id, ranks);
    if (node.function.resources().ranks > most)
      refuse_team(node, settings.executor_of(stage.id), ranks, most);
    if (!node.function.rank_rule() || !is_known(plan.external_shape(stage.id)) ||
        !takes_constants_only(plan, id))
      continue;
    // The rule is asked here with the values that it will be asked with in the run, so that a team that is
    // too large is refused before anything is computed. No values of outputs are needed for that.
    RunArrays none(plan);
    BlockRunner(plan, none, nullptr, {}).teams_of(id, plan.selected(stage.id), most);
  }
}

}  // namespace mpipe
