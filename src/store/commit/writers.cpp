// SPDX-License-Identifier: BSD-3-Clause
// Chooses the ranks of each node that write.
#include "store/commit/writers.hpp"

#include <algorithm>
#include <iterator>

namespace mpipe {

std::size_t serving_writer(std::size_t rank_in_node, std::size_t node_size, std::size_t writer_count) {
  // Neighbours share a writer, and all writers serve about the same number of ranks.
  return rank_in_node * std::min(writer_count, node_size) / node_size;
}

std::vector<std::size_t> writers_of_node(std::size_t node_size, std::size_t count) {
  count = std::clamp<std::size_t>(count, 1, node_size);
  std::vector<std::size_t> writers;
  for (std::size_t rank = 0; rank < node_size; ++rank)
    if (serving_writer(rank, node_size, count) == writers.size())
      writers.push_back(rank);  // the first that it serves
  if (count > 1) writers.back() = node_size - 1;
  return writers;
}

Writers choose_writers(const Communicator& comm, int per_node, std::span<const int> able_ranks) {
  Writers writers;
  const auto wanted = static_cast<std::size_t>(std::max(1, per_node));
  for (const Node& node : comm.nodes()) {
    // Rank 0 hands out the work of all ranks: where its node has another one, it writes nothing.
    std::vector<int> able;
    std::set_intersection(node.ranks.begin(), node.ranks.end(), able_ranks.begin(), able_ranks.end(),
                          std::back_inserter(able));
    if (able.empty()) continue;
    const bool has_root = able.size() > 1 && std::erase(able, 0) > 0;
    const std::vector<std::size_t> chosen = writers_of_node(able.size(), wanted);
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      writers.ranks.push_back(able[chosen[k]]);
      if (able[chosen[k]] != comm.rank()) continue;
      if (has_root && k == 0) writers.served.push_back(0);
      for (std::size_t rank = 0; rank < able.size(); ++rank)
        if (serving_writer(rank, able.size(), chosen.size()) == k) writers.served.push_back(able[rank]);
    }
  }
  std::sort(writers.ranks.begin(), writers.ranks.end());
  const auto mine = std::find(writers.ranks.begin(), writers.ranks.end(), comm.rank());
  const bool writes = mine != writers.ranks.end();
  if (writes) writers.mine = static_cast<std::size_t>(mine - writers.ranks.begin());
  constexpr int kWriters = 0;
  // Collective: ranks that do not write call it, too, and get no communicator.
  writers.comm = comm.split(writes ? std::optional<int>(kWriters) : std::nullopt, comm.rank());
  return writers;
}

}  // namespace mpipe
