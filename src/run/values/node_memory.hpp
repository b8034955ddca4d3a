// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `NodeMemory`: which ranks of a run see the same memory.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "data/api/partial_array.hpp"
#include "run/api/node_inventory.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// Ranks in groups that hold values together: what one of them has, all of the group have. Groups are ordered by
/// their first ranks.
struct Holders {
  std::vector<std::size_t> of_rank;  ///< the group of each rank
  std::vector<int> first;            ///< the lowest rank of each group, which sends and receives for it

  std::size_t count() const { return first.size(); }
};

/// The memory that the ranks of each node share, for arrays of fixed-size values. Ranks of a node that cannot
/// reach it, or have none, hold their values alone.
class NodeMemory {
 public:
  /// Of a run that consists of one rank, which no others join.
  NodeMemory();
  /// Collective. `slots`: how many arrays there can be, the same on all ranks. `also_alone`: a rank that is alone on
  /// its node uses such memory, too, as others may join it, or as it will give parts of it back. `earlier`: what this
  /// rank has used so far in the run, which goes on; null: it begins.
  NodeMemory(const Communicator& comm, const NodeInventory& inventory, std::size_t slots, bool also_alone,
             const NodeMemory* earlier);

  /// Null where this rank holds its values alone.
  const std::shared_ptr<SharedPages>& pages() const { return pages_; }
  /// Who holds the values of an array together.
  const Holders& holders(const PartialArray& array) const {
    return array.type().fixed_size() ? nodes_ : ranks_;
  }
  /// The first ranks of the nodes, in the order of these; empty on other ranks, and where there is one node.
  const std::optional<Communicator>& first_ranks() const { return first_ranks_; }
  bool is_first(int rank) const {
    return nodes_.first[nodes_.of_rank[static_cast<std::size_t>(rank)]] == rank;
  }
  /// Those of `elements` that this rank brings into an array for all who hold it together: each of them a part, in
  /// one stretch.
  RangeSet part_of(int rank, const PartialArray& array, const RangeSet& elements) const;
  /// The number of the node of a rank.
  std::size_t node_of(int rank) const { return nodes_.of_rank[static_cast<std::size_t>(rank)]; }
  /// All ranks of the run are on one node, and see the same memory.
  bool is_one_node() const { return nodes_.count() == 1; }
  /// Rank 0: why some ranks of one node do not share memory; empty where all do.
  const std::string& problem() const { return problem_; }

 private:
  void agree(const Communicator& comm, int first);

  std::shared_ptr<SharedPages> pages_;
  Holders nodes_;  ///< ranks by the memory that they share
  Holders ranks_;  ///< every rank by itself
  std::optional<Communicator> first_ranks_;
  std::string problem_;
};

}  // namespace mpipe
