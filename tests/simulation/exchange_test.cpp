// SPDX-License-Identifier: BSD-3-Clause
// How values come to the ranks that read them: within a node by being there, between nodes once for each node.
#include "run/values/exchange.hpp"

#include "support/simulated_ranks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

namespace mpipe::test {
namespace {

constexpr Index kElements = 4000;

double number_of(Index element) { return 0.5 * static_cast<double>(element); }

NodeMemory memory_of(const Communicator& comm) {
  return {comm, find_inventory(comm, false), 4, false, nullptr};
}

PartialArray numbers_in(const NodeMemory& memory) {
  return {element_type<double>(), {kElements}, Shape{}, {memory.pages(), 2}};
}

/// Blocks of 100 elements go to the ranks in turns.
void compute_own(const Communicator& comm, PartialArray& array) {
  for (Index begin = 100 * comm.rank(); begin < kElements; begin += 100 * comm.size()) {
    for (Index element = begin; element < begin + 100; ++element) {
      const double value = number_of(element);
      std::memcpy(array.destination(element), &value, sizeof value);
    }
    array.mark({begin, begin + 100});
  }
}

void expect_all(const PartialArray& array) {
  EXPECT_EQ(array.have(), (RangeSet{{0, kElements}}));
  for (Index element = 0; element < kElements; ++element) {
    double value = -1;
    std::memcpy(&value, array.data(element), sizeof value);
    ASSERT_EQ(value, number_of(element)) << "element " << element;
  }
}

/// The broadcasts of so many bytes and more in a log.
std::ptrdiff_t large_broadcasts(const EventLog& log, std::size_t bytes) {
  return std::count_if(log.begin(), log.end(), [&](const std::string& line) {
    const std::size_t at = line.find("a broadcast of ");
    return at != std::string::npos && std::stoul(line.substr(at + 15)) >= bytes;
  });
}

EventLog share(int ranks, int ranks_per_node) {
  return simulate_ranks(
      ranks, 1,
      [](const Communicator& comm) {
        const NodeMemory memory = memory_of(comm);
        EXPECT_EQ(memory.problem(), "");
        PartialArray array = numbers_in(memory);
        compute_own(comm, array);
        share_with_all(comm, memory, find_holdings(comm, memory, array), array);
        expect_all(array);
        // Nobody ends before all have looked: the memory is theirs together.
        comm.barrier();
      },
      ranks_per_node);
}

TEST(Exchange, RanksOfANodeSendNoValues) {
  const EventLog log = share(4, 4);
  EXPECT_EQ(large_broadcasts(log, 4096), 0);
}

TEST(Exchange, ValuesCrossOncePerNode) {
  // Two nodes: each of the first ranks sends what its node has, one round to the other's first rank.
  EXPECT_EQ(large_broadcasts(share(6, 3), 4096), 2 * 2);
  // Three nodes, the last one of one rank.
  EXPECT_EQ(large_broadcasts(share(5, 2), 4096), 3 * 3);
}

TEST(Exchange, RanksWithMemoryOfTheirOwnSendEachTheirs) {
  EXPECT_EQ(large_broadcasts(share(3, 1), 4096), 3 * 3);
}

TEST(Exchange, RankZeroGathersFromTheOtherNodes) {
  for (const int ranks_per_node : {1, 2, 5})
    simulate_ranks(
        5, 7,
        [](const Communicator& comm) {
          const NodeMemory memory = memory_of(comm);
          PartialArray array = numbers_in(memory);
          compute_own(comm, array);
          gather_at_root(comm, memory, array);
          if (comm.is_root()) expect_all(array);
          comm.barrier();
        },
        ranks_per_node);
}

using Texts = std::vector<std::string>;

PartialArray texts_in(const NodeMemory& memory) {
  return {element_type<std::string>(), {10}, Shape{}, {memory.pages(), 0}};
}

/// Elements 2 r and 2 r + 1 for rank r; the last ones are nobody's.
void compute_own_texts(const Communicator& comm, PartialArray& array) {
  const Value mine(Texts{"a" + std::to_string(comm.rank()), comm.rank() == 1 ? "" : "long text"});
  const Index begin = 2 * comm.rank();
  array.put({begin, begin + 2}, {mine.data(), mine.byte_size()}, {mine.offsets(), 3});
}

void expect_all_texts(const PartialArray& array) {
  EXPECT_EQ(array.have(), (RangeSet{{0, 8}}));
  EXPECT_EQ(array.to_value().as<Texts>(),
            (Texts{"a0", "long text", "a1", "", "a2", "long text", "a3", "long text", "", ""}));
  const PartialArray::Piece piece = array.piece({3, 5});
  EXPECT_EQ(piece.offsets.front(), 0U);
  EXPECT_EQ(piece.bytes.size(), piece.offsets.back());
  ASSERT_NE(array.joined(), nullptr);
  EXPECT_EQ(decode<std::string>(piece.bytes.subspan(piece.offsets[1])), "a2");
}

TEST(Exchange, TextsAreJoinedInTheMemoryOfTheNodes) {
  for (const int ranks_per_node : {1, 2, 3, 4})
    simulate_ranks(
        4, 3,
        [](const Communicator& comm) {
          const NodeMemory memory = memory_of(comm);
          PartialArray array = texts_in(memory);
          compute_own_texts(comm, array);
          share_with_all(comm, memory, find_holdings(comm, memory, array), array);
          expect_all_texts(array);
          // Once more, as when ranks join: nothing changes.
          share_with_all(comm, memory, find_holdings(comm, memory, array), array);
          expect_all_texts(array);
          comm.barrier();
        },
        ranks_per_node);
}

struct Joining {
  int begun = 4;  ///< so many ranks have begun a run, and computed an array and shared it
  int all = 6;    ///< so many go on with it
  int ranks_per_node = 5;
  PartialArray (*make)(const NodeMemory&) = texts_in;
  void (*compute)(const Communicator&, PartialArray&) = compute_own_texts;
};

/// Ranks come to a run. `go_on` is what all of them do then.
void join_run(const Joining& joining,
              const std::function<void(const Communicator&, const NodeMemory&, PartialArray&)>& go_on) {
  const auto program = [&](const Communicator& comm) {
    const bool is_first = comm.rank() < joining.begun;
    const std::optional<Communicator> first =
        comm.split(is_first ? std::optional(0) : std::nullopt, comm.rank());
    std::optional<NodeMemory> before;
    std::optional<PartialArray> array;
    if (first) {
      before.emplace(*first, find_inventory(*first, false), 4, true, nullptr);
      array.emplace(joining.make(*before));
      joining.compute(*first, *array);
      share_with_all(*first, *before, find_holdings(*first, *before, *array), *array);
    }
    const NodeMemory memory(comm, find_inventory(comm, false), 4, true, before ? &*before : nullptr);
    if (!array) array.emplace(joining.make(memory));
    go_on(comm, memory, *array);
    comm.barrier();
  };
  simulate_ranks(joining.all, 11, program, joining.ranks_per_node);
}

TEST(Exchange, RanksThatJoinSeeTextsThatWereJoined) {
  join_run({}, [](const Communicator& comm, const NodeMemory& memory, PartialArray& texts) {
    share_with_all(comm, memory, find_holdings(comm, memory, texts), texts);
    expect_all_texts(texts);
  });
}

TEST(Exchange, RankZeroGathersTextsThatNotAllRanksHaveSeen) {
  join_run({}, [](const Communicator& comm, const NodeMemory& memory, PartialArray& texts) {
    gather_at_root(comm, memory, texts);
    if (comm.is_root()) expect_all_texts(texts);
  });
}

TEST(NodeMemory, RanksThatJoinFindWhatWasThere) {
  // One comes on the same node, two on another.
  const Joining numbers{
      .begun = 2, .all = 5, .ranks_per_node = 3, .make = numbers_in, .compute = compute_own};
  join_run(numbers, [](const Communicator& comm, const NodeMemory& memory, PartialArray& early) {
    const Holdings holdings = find_holdings(comm, memory, early);
    EXPECT_EQ(holdings.by_holder.size(), 2U);
    share_with_all(comm, memory, holdings, early);
    expect_all(early);
  });
}

TEST(NodeMemory, RanksLoadPartsThatAreTheWholeTogether) {
  simulate_ranks(5, 2, [](const Communicator& comm) {
    const NodeMemory memory = memory_of(comm);
    const PartialArray array = numbers_in(memory);
    const RangeSet wanted{{3, 10}, {20, 21}, {100, 250}};
    RangeSet all;
    Index count = 0;
    for (int rank = 0; rank < comm.size(); ++rank) {
      const RangeSet part = memory.part_of(rank, array, wanted);
      count += part.count();
      all.insert(part);
    }
    EXPECT_EQ(all, wanted);
    EXPECT_EQ(count, wanted.count());  // no element twice
  });
}

}  // namespace
}  // namespace mpipe::test
