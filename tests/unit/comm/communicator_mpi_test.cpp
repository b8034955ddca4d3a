// SPDX-License-Identifier: BSD-3-Clause
// Collective calls on several ranks. Only EXPECT before a collective call: see support/mpi_main.cpp.
#include <mpipe/comm/native_comm.hpp>

#include "support/expect_error.hpp"
#include "unit/comm/bytes.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::pattern;
using Bytes = std::vector<std::byte>;
using namespace std::chrono_literals;

const Communicator& world() {
  static const Communicator comm = communicator_from(MPI_COMM_WORLD);
  return comm;
}

std::uint64_t seed_of(int from, int to, int number = 0) {
  return static_cast<std::uint64_t>(from) * 10'000 + static_cast<std::uint64_t>(to) * 100 +
         static_cast<std::uint64_t>(number);
}

TEST(MpiCommunicator, knows_its_ranks) {
  int rank = -1;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  EXPECT_EQ(world().rank(), rank);
  EXPECT_EQ(world().size(), size);
  EXPECT_EQ(world().is_root(), rank == 0);
  EXPECT_TRUE(world().uses_mpi());
  EXPECT_TRUE(world().threads_allowed());
}

TEST(MpiCommunicator, is_a_group_of_its_own) {
  int relation = MPI_UNEQUAL;
  MPI_Comm_compare(native_comm(world()), MPI_COMM_WORLD, &relation);
  EXPECT_EQ(relation, MPI_CONGRUENT);  // the same ranks, other messages
}

// Up to 64 KiB a broadcast is one call, above it several.
class MpiBroadcast : public ::testing::TestWithParam<std::size_t> {};

TEST_P(MpiBroadcast, gives_all_what_the_root_brought) {
  for (int root = 0; root < world().size(); ++root) {
    const Bytes expected = pattern(GetParam(), seed_of(root, 0));
    const bool at_root = world().rank() == root;
    // What others bring is ignored, however much it is.
    const Bytes got = world().broadcast(
        at_root ? expected : pattern(static_cast<std::size_t>(world().rank()) * 3, 7), root);
    EXPECT_TRUE(got == expected) << got.size() << " bytes from " << root;

    Bytes in_place = at_root ? expected : Bytes(GetParam());
    world().broadcast_into(in_place, root);
    EXPECT_TRUE(in_place == expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MpiBroadcast, ::testing::Values(0, 1, 1000, 65536, 65537, 10'000'000));

TEST(MpiCommunicator, broadcasts_text_and_values) {
  const bool at_root = world().is_root();
  EXPECT_EQ(world().broadcast_text(at_root ? "größer" : "something else"), "größer");
  EXPECT_EQ(world().broadcast_text(at_root ? "" : "something else"), "");
  EXPECT_EQ(world().broadcast_value(at_root ? 2.5 : 0.0), 2.5);
  const int last = world().size() - 1;
  EXPECT_EQ(world().broadcast_value(world().rank(), last), last);
}

TEST(MpiCommunicator, root_of_no_rank_is_a_bug) {
  EXPECT_THROW(world().broadcast({}, world().size()), Bug);
  EXPECT_THROW(world().gather({}, -1), Bug);
}

TEST(MpiCommunicator, gathers_what_differs_in_size) {
  for (int root = 0; root < world().size(); ++root) {
    const auto size_of = [](int rank) {
      return static_cast<std::size_t>(rank % 2 == 0 ? rank * 500'000 : rank);
    };
    const auto all = world().gather(pattern(size_of(world().rank()), seed_of(world().rank(), root)), root);
    if (world().rank() != root) {
      EXPECT_TRUE(all.empty());
      continue;
    }
    EXPECT_EQ(all.size(), static_cast<std::size_t>(world().size()));
    for (int from = 0; from < static_cast<int>(all.size()); ++from)
      EXPECT_TRUE(all[static_cast<std::size_t>(from)] == pattern(size_of(from), seed_of(from, root))) << from;
  }
}

TEST(MpiCommunicator, reduces_over_all_ranks) {
  const std::int64_t rank = world().rank();
  const std::int64_t size = world().size();
  EXPECT_EQ(world().all_reduce(rank + 1, ReduceOp::sum), size * (size + 1) / 2);
  EXPECT_EQ(world().all_reduce(rank - 3, ReduceOp::min), -3);
  EXPECT_EQ(world().all_reduce(rank, ReduceOp::max), size - 1);
  EXPECT_EQ(world().all_reduce(0.5 * static_cast<double>(rank), ReduceOp::max),
            0.5 * static_cast<double>(size - 1));

  std::vector<std::int64_t> values{rank, -rank, 1};
  world().all_reduce(values, ReduceOp::max);
  EXPECT_EQ(values, (std::vector<std::int64_t>{size - 1, 0, 1}));
  std::vector<double> reals(10'000, 0.25);
  world().all_reduce(reals, ReduceOp::sum);
  EXPECT_EQ(reals, std::vector<double>(10'000, 0.25 * static_cast<double>(size)));
  world().all_reduce(std::span<double>{}, ReduceOp::sum);
}

TEST(MpiCommunicator, notices_who_disagrees) {
  for (const std::uint64_t hash :
       {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{12345}}) {
    EXPECT_TRUE(world().all_agree(hash));
    // One rank has another number, in the lowest bit or in the highest.
    for (const std::uint64_t bit : {std::uint64_t{1}, std::uint64_t{1} << 63}) {
      const bool differs = world().rank() == world().size() - 1;
      EXPECT_EQ(world().all_agree(differs ? hash ^ bit : hash), world().size() == 1) << hash;
    }
  }
}

// Everybody with everybody, itself included, several parts each, from nothing to 2 MB.
TEST(MpiCommunicator, exchanges) {
  const std::vector<std::size_t> sizes{1000, 0, 2'000'000, 1, 70'000};
  const int ranks = world().size();
  const int me = world().rank();
  std::vector<Bytes> outgoing;
  std::vector<Bytes> incoming;
  for (int other = 0; other < ranks; ++other) {
    for (std::size_t part = 0; part < sizes.size(); ++part) {
      outgoing.push_back(pattern(sizes[part], seed_of(me, other, static_cast<int>(part))));
      incoming.emplace_back(sizes[part]);
    }
  }
  std::vector<SendPart> sends;
  std::vector<ReceivePart> receives;
  for (std::size_t k = 0; k < outgoing.size(); ++k) {
    const int other = static_cast<int>(k / sizes.size());
    sends.push_back({other, outgoing[k]});
    receives.push_back({other, incoming[k]});
  }
  world().exchange(sends, receives);
  for (std::size_t k = 0; k < incoming.size(); ++k) {
    const int other = static_cast<int>(k / sizes.size());
    const int part = static_cast<int>(k % sizes.size());
    EXPECT_TRUE(incoming[k] == pattern(incoming[k].size(), seed_of(other, me, part)))
        << other << ", " << part;
  }
}

// A ring: each rank sends to the next one only, and some calls have nothing to do at all.
TEST(MpiCommunicator, exchanges_between_some) {
  world().exchange({}, {});
  const int next = (world().rank() + 1) % world().size();
  const int previous = (world().rank() + world().size() - 1) % world().size();
  const Bytes mine = pattern(300'000, seed_of(world().rank(), next));
  Bytes theirs(mine.size());
  const SendPart send{next, mine};
  const ReceivePart receive{previous, theirs};
  world().exchange({&send, 1}, {&receive, 1});
  EXPECT_TRUE(theirs == pattern(theirs.size(), seed_of(previous, world().rank())));
}

TEST(MpiCommunicator, splits_by_color_and_key) {
  const int rank = world().rank();
  // Even and odd ranks, each in reverse order
  const auto half = world().split(rank % 2, -rank);
  ASSERT_TRUE(half.has_value());
  const int members = (world().size() + (rank % 2 == 0 ? 1 : 0)) / 2;
  EXPECT_EQ(half->size(), members);
  EXPECT_EQ(half->rank(), members - 1 - rank / 2);
  // Its messages stay in it.
  EXPECT_EQ(half->all_reduce(std::int64_t{rank % 2}, ReduceOp::sum), members * (rank % 2));
  EXPECT_EQ(half->broadcast_value(rank), half->size() * 2 - 2 + rank % 2);
}

TEST(MpiCommunicator, splits_some_off) {
  const bool member = world().rank() == 0;
  const auto part = world().split(member ? std::optional(4) : std::nullopt, 0);
  EXPECT_EQ(part.has_value(), member);
  EXPECT_EQ(part ? part->size() : 1, 1);
  EXPECT_THROW(static_cast<void>(world().split(-1, 0)), Bug);
}

TEST(MpiCommunicator, duplicates) {
  const Communicator copy = world().duplicate();
  EXPECT_EQ(copy.rank(), world().rank());
  EXPECT_EQ(copy.size(), world().size());
  int relation = MPI_UNEQUAL;
  MPI_Comm_compare(native_comm(copy), native_comm(world()), &relation);
  EXPECT_EQ(relation, MPI_CONGRUENT);
  EXPECT_EQ(copy.all_reduce(std::int64_t{1}, ReduceOp::sum), world().size());
}

TEST(MpiCommunicator, groups_come_and_go) {
  for (int round = 0; round < 100; ++round) {
    const Communicator copy = world().duplicate();
    copy.barrier();
  }
}

TEST(MpiCommunicator, nodes_have_each_rank_once) {
  const std::vector<Node> nodes = world().nodes();
  std::vector<int> ranks;
  int leader = -1;
  for (const Node& node : nodes) {
    EXPECT_FALSE(node.host.empty());
    EXPECT_TRUE(std::is_sorted(node.ranks.begin(), node.ranks.end()));
    EXPECT_FALSE(node.ranks.empty());
    if (node.ranks.empty()) continue;
    EXPECT_GT(node.ranks.front(), leader);  // ordered by the lowest rank
    leader = node.ranks.front();
    const bool mine = std::count(node.ranks.begin(), node.ranks.end(), world().rank()) > 0;
    EXPECT_EQ(mine ? node.host : host_name(), host_name());
    ranks.insert(ranks.end(), node.ranks.begin(), node.ranks.end());
  }
  std::sort(ranks.begin(), ranks.end());
  std::vector<int> expected(static_cast<std::size_t>(world().size()));
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(ranks, expected);
}

// Rank 0 comes to a barrier to which the others do not come in time. They do come later, so that MPI ends
// well.
TEST(MpiCommunicator, gives_up_at_the_limit) {
  if (world().size() == 1) GTEST_SKIP() << "nobody to wait for";
  const Communicator impatient =
      communicator_from(MPI_COMM_WORLD, {.mode = WaitMode::backoff, .limit = world().is_root() ? 2ms : 0ms});
  if (world().is_root()) {
    const std::string message = test::error_message(Category::rank_lost, [&] { impatient.barrier(); });
    EXPECT_TRUE(test::contains(message, "Rank 0 on"));
    EXPECT_TRUE(test::contains(message, "MPI_Ibarrier"));
    EXPECT_TRUE(test::contains(message, "MPIPE_WAIT_LIMIT"));
  }
  world().barrier();
  if (!world().is_root()) impatient.barrier();
  world().barrier();
}

TEST(MpiCommunicator, is_made_of_what_has_ranks_that_can_work_as_one) {
  const auto refused = [](MPI_Comm comm, const char* word) {
    EXPECT_TRUE(
        test::contains(test::error_message(Category::bad_option, [&] { communicator_from(comm); }), word));
  };
  refused(MPI_COMM_NULL, "MPI_COMM_NULL");
  if (world().size() == 1) return;
  // Rank 0 on one side, all others on the other one.
  MPI_Comm side = MPI_COMM_NULL;
  MPI_Comm both = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, world().is_root() ? 0 : 1, 0, &side);
  MPI_Intercomm_create(side, 0, MPI_COMM_WORLD, world().is_root() ? 1 : 0, 7, &both);
  refused(both, "MPI_Intercomm_merge");
  MPI_Comm_free(&both);
  MPI_Comm_free(&side);
}

TEST(MpiCommunicator, errors_of_mpi_are_told_with_its_text) {
  // Not a duplicate, which would tell all groups of the same origin that MPI is broken.
  const Communicator copy = communicator_from(MPI_COMM_WORLD);
  const std::byte byte{};
  const SendPart to_nobody{world().size() + 5, {&byte, 1}};
  const std::string message = test::error_message(Category::rank_lost, [&] {
    copy.exchange({&to_nobody, 1}, {});
  });
  EXPECT_TRUE(test::contains(message, "MPI_Isend"));
  EXPECT_TRUE(test::contains(message, "rank"));
}

}  // namespace
}  // namespace mpipe
