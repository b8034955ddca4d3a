// SPDX-License-Identifier: BSD-3-Clause
// Finds out which ranks of a node can reach one memory, and makes it.
#include "run/values/node_memory.hpp"

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

Holders every_rank_alone(int ranks) {
  Holders holders;
  for (int rank = 0; rank < ranks; ++rank) {
    holders.of_rank.push_back(static_cast<std::size_t>(rank));
    holders.first.push_back(rank);
  }
  return holders;
}

/// `first_of`: the first rank of the group of each rank.
Holders groups_of(const std::vector<std::int64_t>& first_of) {
  Holders holders;
  std::vector<std::size_t> number(first_of.size(), 0);
  for (std::size_t rank = 0; rank < first_of.size(); ++rank) {
    const auto first = static_cast<std::size_t>(first_of[rank]);
    // The first rank of a group comes before the others of it.
    if (first == rank) {
      number[rank] = holders.first.size();
      holders.first.push_back(static_cast<int>(rank));
    }
    holders.of_rank.push_back(number[first]);
  }
  return holders;
}

const NodeResources& resources_around(const NodeInventory& inventory, int rank) {
  const auto found =
      std::find_if(inventory.nodes.begin(), inventory.nodes.end(), [&](const NodeResources& node) {
        return std::binary_search(node.ranks.begin(), node.ranks.end(), rank);
      });
  if (found == inventory.nodes.end()) throw Bug("NodeMemory: a rank that is on no node");
  return *found;
}

}  // namespace

NodeMemory::NodeMemory() : nodes_(every_rank_alone(1)), ranks_(nodes_) {}

/// Ranks that join come behind those that were there. So the first rank of a node is one that has made its memory
/// earlier, if any has. A rank that holds its values alone does so to the end: they are where they are.
NodeMemory::NodeMemory(const Communicator& comm, const NodeInventory& inventory, std::size_t slots,
                       bool also_alone, const NodeMemory* earlier)
    : ranks_(every_rank_alone(comm.size())) {
  const NodeResources& node = resources_around(inventory, comm.rank());
  const int first = node.ranks.front();
  if (earlier != nullptr) {
    pages_ = earlier->pages_;
  } else if (first == comm.rank() && (also_alone || node.ranks.size() > 1)) {
    try {
      pages_ = SharedPages::create(slots);
    } catch (const Error& error) {
      problem_ = error.what();
    }
  }
  const SharedPages::Address mine = pages_ ? pages_->address() : SharedPages::Address{};
  // Every rank needs the address of the first rank of its node only. It is sent through rank 0, which costs one
  // message per rank, once per run.
  std::vector<std::byte> all;
  for (const auto& bytes : comm.gather(std::as_bytes(std::span(&mine, 1))))
    all.insert(all.end(), bytes.begin(), bytes.end());
  all = comm.broadcast(std::move(all));
  ByteReader in(all, "the addresses of shared memory");
  std::vector<SharedPages::Address> addresses(static_cast<std::size_t>(comm.size()));
  for (auto& address : addresses)
    address = {in.get<std::int64_t>(), in.get<std::int64_t>(), in.get<std::uint64_t>()};
  const SharedPages::Address& theirs = addresses[static_cast<std::size_t>(first)];
  if (earlier == nullptr && first != comm.rank() && theirs.process != 0) {
    pages_ = SharedPages::open(theirs, slots);
    if (!pages_)
      problem_ = fmt::format(
          "rank {} cannot reach the memory of rank {} on {} (another container, or another user?).",
          comm.job_rank(), comm.job_rank(first), node.host);
  }
  agree(comm, pages_ ? first : comm.rank());
}

/// Ranks that do not know yet how long an element is bring nothing together: each looks for itself.
RangeSet NodeMemory::part_of(int rank, const PartialArray& array, const RangeSet& elements) const {
  if (!array.internal_known()) return elements;
  const Holders& by = holders(array);
  const std::size_t group = by.of_rank[static_cast<std::size_t>(rank)];
  const auto before = std::count(by.of_rank.begin(), by.of_rank.begin() + rank, group);
  const auto together = std::count(by.of_rank.begin(), by.of_rank.end(), group);
  const Index count = elements.count();
  const Index begin = count * before / together;
  Index left = count * (before + 1) / together - begin;
  Index skip = begin;
  RangeSet part;
  for (const IndexRange& range : elements.ranges()) {
    if (left == 0) break;
    const Index first = std::min(skip, range.size());
    skip -= first;
    const Index size = std::min(range.size() - first, left);
    part.insert({range.begin + first, range.begin + first + size});
    left -= size;
  }
  return part;
}

/// The group of every rank, and the first problem of one, known to all and to rank 0.
void NodeMemory::agree(const Communicator& comm, int first) {
  ByteWriter out;
  out.put(static_cast<std::int64_t>(first));
  out.put_text(problem_);
  std::vector<std::int64_t> first_of(static_cast<std::size_t>(comm.size()), 0);
  const auto gathered = comm.gather(out.bytes());
  for (std::size_t rank = 0; rank < gathered.size(); ++rank) {
    ByteReader in(gathered[rank], "who shares memory");
    first_of[rank] = in.get<std::int64_t>();
    const std::string problem = in.get_text();
    if (problem_.empty()) problem_ = problem;
  }
  comm.broadcast_into(std::as_writable_bytes(std::span(first_of)));
  nodes_ = groups_of(first_of);
  if (nodes_.count() > 1)
    first_ranks_ = comm.split(is_first(comm.rank()) ? std::optional(0) : std::nullopt, comm.rank());
}

}  // namespace mpipe
