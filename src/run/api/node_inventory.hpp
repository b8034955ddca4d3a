// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the nodes of a run have.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include <span>

namespace mpipe {

/// What the ranks on one node share.
struct NodeResources {
  std::string host;
  std::vector<int> ranks;  ///< ascending
  int cores = 1;
  std::uint64_t memory = 0;  ///< bytes; 0: not known
  std::vector<int> devices;  ///< their numbers, ascending
};

struct NodeInventory {
  std::vector<NodeResources> nodes;
  bool bound = false;  ///< some rank is bound to less than the cores of its node
};

/// Collective. `with_devices`: looks for devices, and throws what `find_devices` does, on all ranks alike.
NodeInventory find_inventory(const Communicator& comm, bool with_devices);

/// Of `whole`, what a subgroup has while its siblings are at work, too: the ranks of each node but 0, which
/// is in no subgroup, have equal parts of its devices. `ranks`: those of the subgroup, in its order. Local.
NodeInventory inventory_of(const NodeInventory& whole, std::span<const int> ranks);

/// Local. This machine as the one node, and rank 0 as the one rank.
NodeInventory inventory_here(bool with_devices);

}  // namespace mpipe
