// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// How the ranks of a launch are divided.
#pragma once

#include <mpipe/core/index.hpp>

#include "run/api/node_inventory.hpp"

#include <optional>
#include <vector>

namespace mpipe {

struct LaunchSubgroups {
  std::vector<std::vector<WorkerId>> workers;  ///< of each subgroup; worker i is rank i + 1

  /// Empty for rank 0, which is in no subgroup.
  std::optional<int> subgroup_of(int rank) const;
  int place_of(int rank) const;  ///< within its subgroup
  std::vector<int> ranks_of(std::size_t subgroup) const;
};

/// Divides all ranks but 0 into at most `count` (> 0) subgroups of sizes that differ by one at most. Ranks of
/// one node follow each other, so that few subgroups lie on several. Precondition: two ranks at least.
LaunchSubgroups divide_ranks(const NodeInventory& inventory, int count);

}  // namespace mpipe
