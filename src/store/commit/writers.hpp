// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which ranks write: a few per node, the same for the whole run.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include <optional>
#include <span>

namespace mpipe {

/// The writers of a run, seen from one rank.
struct Writers {
  std::vector<int> ranks;           ///< of all writers, ascending
  std::optional<std::size_t> mine;  ///< position in `ranks` when this rank writes
  std::vector<int>
      served;  ///< ranks of this node whose journals this writer moves into the file; with its own
  std::optional<Communicator> comm;  ///< of the writers, on writers

  bool is_writer() const { return mine.has_value(); }
};

/// Which of the ranks of a node that may write do so (by position among them), ascending. Of two writers one is
/// the first, and one the last.
std::vector<std::size_t> writers_of_node(std::size_t node_size, std::size_t count);
/// Which of `writer_count` writers of a node serves a rank.
std::size_t serving_writer(std::size_t rank_in_node, std::size_t node_size, std::size_t writer_count);

/// Collective. Of the ranks `able` (ascending, the same everywhere) some per node. Rank 0 writes only where no other
/// rank of its node is able to. Nobody serves ranks that are not able: their journals are moved by commits alone.
Writers choose_writers(const Communicator& comm, int per_node, std::span<const int> able);

}  // namespace mpipe
