// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How the ranks of a launch are divided.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/index.hpp>

#include <optional>
#include <vector>

namespace mpipe {

struct LaunchTeams {
  std::vector<std::vector<WorkerId>> workers;  ///< of each team; worker i is rank i + 1

  /// Empty for rank 0, which is in none.
  std::optional<int> team_of(int rank) const;
  int place_of(int rank) const;  ///< within its team
};

/// Divides all ranks but 0 into at most `count` (> 0) teams of sizes that differ by one at most. Ranks of one
/// node follow each other, so that few teams lie on several. Precondition: two ranks at least.
LaunchTeams divide_ranks(const std::vector<Node>& nodes, int count);

}  // namespace mpipe
