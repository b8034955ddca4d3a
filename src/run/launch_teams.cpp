// SPDX-License-Identifier: BSD-3-Clause
#include "run/launch_teams.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>

namespace mpipe {

LaunchTeams divide_ranks(const std::vector<Node>& nodes, int count) {
  std::vector<WorkerId> workers;
  for (const Node& node : nodes)
    for (const int rank : node.ranks)
      if (rank != 0) workers.push_back({static_cast<std::uint32_t>(rank - 1)});
  if (workers.empty() || count < 1) throw Bug("teams without ranks");
  const std::size_t teams = std::min(static_cast<std::size_t>(count), workers.size());
  LaunchTeams made;
  for (std::size_t team = 0; team < teams; ++team)
    made.workers.emplace_back(workers.begin() + static_cast<long>(team * workers.size() / teams),
                              workers.begin() + static_cast<long>((team + 1) * workers.size() / teams));
  return made;
}

std::optional<int> LaunchTeams::team_of(int rank) const {
  for (std::size_t team = 0; team < workers.size(); ++team)
    for (const WorkerId worker : workers[team])
      if (static_cast<int>(worker.value) + 1 == rank) return static_cast<int>(team);
  return std::nullopt;
}

int LaunchTeams::place_of(int rank) const {
  for (const auto& team : workers)
    for (std::size_t place = 0; place < team.size(); ++place)
      if (static_cast<int>(team[place].value) + 1 == rank) return static_cast<int>(place);
  return 0;
}

}  // namespace mpipe
