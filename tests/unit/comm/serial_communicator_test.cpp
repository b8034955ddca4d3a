// SPDX-License-Identifier: BSD-3-Clause
// A group of one rank without MPI: every call does what it does on several ranks, for one.
#include <mpipe/comm/environment.hpp>
#include <mpipe/comm/native_comm.hpp>

#include "comm/api/transport.hpp"
#include "support/expect_error.hpp"
#include "unit/comm/bytes.hpp"

#include <cstdlib>
#include <vector>

namespace mpipe {
namespace {

using test::pattern;

TEST(SerialCommunicator, is_one_rank_without_mpi) {
  const Communicator comm;
  EXPECT_EQ(comm.rank(), 0);
  EXPECT_EQ(comm.size(), 1);
  EXPECT_TRUE(comm.is_root());
  EXPECT_FALSE(comm.uses_mpi());
  EXPECT_TRUE(comm.threads_allowed());
  EXPECT_EQ(native_comm(comm), MPI_COMM_NULL);
  const Communicator copy = comm;
  EXPECT_EQ(&copy.state(), &comm.state());
}

TEST(SerialCommunicator, nodes) {
  const std::vector<Node> nodes = Communicator().nodes();
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].host, host_name());
  EXPECT_EQ(nodes[0].ranks, std::vector<int>{0});
  EXPECT_FALSE(host_name().empty());
}

TEST(SerialCommunicator, barrier_returns) { Communicator().barrier(); }

TEST(SerialCommunicator, broadcast_gives_back) {
  const Communicator comm;
  for (const std::size_t size : {0, 1, 100'000})
    EXPECT_EQ(comm.broadcast(pattern(size, 1)), pattern(size, 1));
  EXPECT_EQ(comm.broadcast_text("größer"), "größer");
  EXPECT_EQ(comm.broadcast_value(2.5), 2.5);
  std::vector<std::byte> bytes = pattern(10, 2);
  comm.broadcast_into(bytes);
  EXPECT_EQ(bytes, pattern(10, 2));
  EXPECT_THROW(comm.broadcast({}, 1), Bug);
  EXPECT_THROW(comm.broadcast({}, -1), Bug);
}

TEST(SerialCommunicator, gather_gives_back) {
  const Communicator comm;
  EXPECT_EQ(comm.gather(pattern(10, 3)), std::vector<std::vector<std::byte>>{pattern(10, 3)});
  EXPECT_EQ(comm.gather({}), std::vector<std::vector<std::byte>>(1));
  EXPECT_THROW(comm.gather({}, 1), Bug);
}

TEST(SerialCommunicator, all_reduce_of_one_is_itself) {
  const Communicator comm;
  for (const ReduceOp op : {ReduceOp::sum, ReduceOp::min, ReduceOp::max}) {
    EXPECT_EQ(comm.all_reduce(std::int64_t{-5}, op), -5);
    EXPECT_EQ(comm.all_reduce(2.5, op), 2.5);
    std::vector<double> values{1, -2};
    comm.all_reduce(values, op);
    EXPECT_EQ(values, (std::vector<double>{1, -2}));
  }
  EXPECT_TRUE(comm.all_agree(0));
  EXPECT_TRUE(comm.all_agree(~std::uint64_t{0}));
  EXPECT_TRUE(comm.all_agree(std::uint64_t{1} << 63));
}

TEST(SerialCommunicator, exchange_with_itself_is_in_order) {
  const Communicator comm;
  const auto first = pattern(5, 1);
  const auto second = pattern(7, 2);
  std::vector<std::byte> to_first(5);
  std::vector<std::byte> to_second(7);
  const std::vector<SendPart> sends{{0, first}, {0, second}};
  const std::vector<ReceivePart> receives{{0, to_first}, {0, to_second}};
  comm.exchange(sends, receives);
  EXPECT_EQ(to_first, first);
  EXPECT_EQ(to_second, second);
  comm.exchange({}, {});
}

TEST(SerialCommunicator, exchange_that_does_not_fit_is_a_bug) {
  const Communicator comm;
  const auto bytes = pattern(5, 1);
  std::vector<std::byte> target(4);
  const SendPart send{0, bytes};
  const ReceivePart receive{0, target};
  EXPECT_THROW(comm.exchange({&send, 1}, {}), Bug);
  EXPECT_THROW(comm.exchange({}, {&receive, 1}), Bug);
  EXPECT_THROW(comm.exchange({&send, 1}, {&receive, 1}), Bug);
}

TEST(SerialCommunicator, split_and_duplicate) {
  const Communicator comm;
  const auto part = comm.split(3, 7);
  ASSERT_TRUE(part.has_value());
  EXPECT_EQ(part->size(), 1);
  EXPECT_FALSE(comm.split(std::nullopt, 0).has_value());
  EXPECT_THROW(static_cast<void>(comm.split(-1, 0)), Bug);
  EXPECT_EQ(comm.duplicate().size(), 1);
}

TEST(SerialCommunicator, has_no_transport_over_mpi) {
  EXPECT_THROW(make_root_transport(Communicator(), 1), Bug);
  EXPECT_THROW(make_worker_transport(Communicator(), 1), Bug);
}

TEST(Environment, without_a_launcher_never_starts_mpi) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) unsetenv(name);
  int argc = 0;
  char** argv = nullptr;
  {
    const Environment environment(argc, argv);
    EXPECT_FALSE(environment.started_mpi());
    EXPECT_EQ(environment.world().size(), 1);
    EXPECT_FALSE(environment.world().uses_mpi());
  }
  int initialized = 1;
  MPI_Initialized(&initialized);
  EXPECT_EQ(initialized, 0);
}

}  // namespace
}  // namespace mpipe
