// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the ranks of a subgroup do with a run, over MPI.
#pragma once

#include "launch/launch_state.hpp"
#include "launch/launch_subgroups.hpp"
#include "launch/subgroup_link.hpp"
#include "run/api/node_inventory.hpp"

#include <map>

namespace mpipe {

/// On one rank. `world` is the communicator of the launch, `subgroup` that of the ranks which go from run to
/// run together.
class SubgroupRun final : public SubgroupWork {
 public:
  /// `inventory`: of the subgroup.
  SubgroupRun(const Communicator& world, const Communicator& subgroup, const LaunchSubgroups& subgroups,
              NodeInventory inventory, const RunList& runs, const LeadHook& hook);

  void compute(MapId run, SubgroupId subgroup, Bytes request, SubgroupLink& link) override;
  void join(MapId run, int leader, SubgroupLink& link) override;
  void decline(MapId run, SubgroupId subgroup, SubgroupLink& link) override;

 private:
  class Regrouper;
  class Leader;
  class Member;

  /// Tells the ranks of a subgroup who computes the run together with them; an empty list means that they do
  /// not join.
  void answer(SubgroupId subgroup, const std::vector<int>& ranks);
  void lead(MapId run, SubgroupId subgroup, Bytes bytes, SubgroupLink& link);
  /// The group of these ranks, which all of them make at the same time, unless they had it before.
  const Communicator& group_of(const std::vector<int>& ranks);

  Communicator world_;
  Communicator subgroup_;
  LaunchSubgroups subgroups_;
  NodeInventory inventory_;
  const RunList& runs_;
  const LeadHook& hook_;
  std::map<std::vector<int>, Communicator> groups_;
};

}  // namespace mpipe
