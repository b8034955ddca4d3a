// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the functions of a run need, against what the nodes have.
#pragma once

#include <mpipe/run/map.hpp>

#include "run/api/node_inventory.hpp"
#include "run/api/settings.hpp"

namespace mpipe {

/// Who may use which devices, for a whole run.
struct DeviceShares {
  /// By rank: numbers of the devices of its node that are its own. A call uses the first ones of them.
  std::vector<std::vector<int>> of_rank;
  bool rank0_computes = true;  ///< false: the devices of its node are needed by the other ranks
};

/// Some function of the pipeline needs devices.
bool needs_devices(const Pipeline& pipeline);

/// Divides the devices of each node evenly among its ranks that call functions with gpus. Local, and the same
/// on every rank. Throws `Error` (bad_option) when a rank would have fewer than a call needs.
DeviceShares share_devices(const Plan& plan, const Settings& settings, const NodeInventory& inventory,
                           Rank0 rank0);

/// Throws `Error` (bad_option) for what can never be met: a call that needs more threads than a node, on
/// which it may happen, has cores, more memory or more gpus; gpus on an executor of threads; and what
/// `share_devices` throws. Local.
void check_resources(const Plan& plan, const Settings& settings, const NodeInventory& inventory, Rank0 rank0);

/// Some function of the run wants several ranks for one call.
bool wants_teams(const Plan& plan);
/// Some function of the run takes a communicator.
bool takes_communicators(const Plan& plan);

/// The most ranks that one call of a function in this stage can have, in a run on `ranks` ranks.
int most_ranks(const Settings& settings, StageId stage, int ranks);

/// Throws `Error` (bad_option) where a call wants more ranks than it can ever have, as far as that is known
/// before the run: rules are asked where all that they take is given.
void check_teams(const Plan& plan, const Settings& settings, int ranks);

}  // namespace mpipe
