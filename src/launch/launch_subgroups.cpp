// SPDX-License-Identifier: BSD-3-Clause
// Divides the ranks of a launch into subgroups, within nodes first.
#include "launch/launch_subgroups.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>

namespace mpipe {

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
