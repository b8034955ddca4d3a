// SPDX-License-Identifier: BSD-3-Clause
// Divides the ranks of a launch into subgroups, within nodes first.
#include "launch/launch_subgroups.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>

namespace mpipe {

/// Workers are listed node by node and cut into stretches whose sizes differ by one at most. Ranks of one
/// node thus stay together as far as the sizes allow, and most messages of a subgroup stay within a node.
LaunchSubgroups divide_ranks(const NodeInventory& inventory, int count) {
  std::vector<WorkerId> workers;
  for (const NodeResources& node : inventory.nodes)
    for (const int rank : node.ranks)
      if (rank != 0) workers.push_back({static_cast<std::uint32_t>(rank - 1)});
  if (workers.empty() || count < 1) throw Bug("subgroups without ranks");
  const std::size_t subgroups = std::min(static_cast<std::size_t>(count), workers.size());
  LaunchSubgroups made;
  for (std::size_t subgroup = 0; subgroup < subgroups; ++subgroup)
    made.workers.emplace_back(
        workers.begin() + static_cast<long>(subgroup * workers.size() / subgroups),
        workers.begin() + static_cast<long>((subgroup + 1) * workers.size() / subgroups));
  return made;
}

std::optional<int> LaunchSubgroups::subgroup_of(int rank) const {
  for (std::size_t subgroup = 0; subgroup < workers.size(); ++subgroup)
    for (const WorkerId worker : workers[subgroup])
      if (static_cast<int>(worker.value) + 1 == rank) return static_cast<int>(subgroup);
  return std::nullopt;
}

/// Rank 0 is in no subgroup and gets 0, which nobody reads: it has no color in the split.
int LaunchSubgroups::place_of(int rank) const {
  for (const auto& subgroup : workers)
    for (std::size_t place = 0; place < subgroup.size(); ++place)
      if (static_cast<int>(subgroup[place].value) + 1 == rank) return static_cast<int>(place);
  return 0;
}

std::vector<int> LaunchSubgroups::ranks_of(std::size_t subgroup) const {
  std::vector<int> ranks;
  for (const WorkerId worker : workers.at(subgroup)) ranks.push_back(static_cast<int>(worker.value) + 1);
  return ranks;
}

}  // namespace mpipe
