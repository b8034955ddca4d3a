// SPDX-License-Identifier: BSD-3-Clause
// Groups that only their members make, communicators for functions, and questions that nobody waits in.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "comm/api/consent.hpp"
#include "support/expect_error.hpp"

#include <boost/mpi/communicator.hpp>
#include <gtest/gtest.h>

#include <mpi.h>

#include <thread>

namespace mpipe {
namespace {

const Communicator& world() {
  static const Communicator& all = *new Communicator(communicator_from(MPI_COMM_WORLD));
  return all;
}

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

std::vector<std::byte> answer(Consent& consent) {
  while (!consent.poll()) std::this_thread::yield();
  return consent.objection();
}

TEST(Subgroup, IsMadeByItsMembersAlone) {
  if (world().rank() == 0 && world().size() > 1) return;  // it takes no part
  std::vector<int> ranks;
  for (int rank = world().size() > 1 ? 1 : 0; rank < world().size(); ++rank) ranks.push_back(rank);
  const Communicator others = world().subgroup(ranks);
  EXPECT_EQ(others.size(), static_cast<int>(ranks.size()));
  EXPECT_EQ(others.all_reduce(std::int64_t{1}, ReduceOp::sum), others.size());
}

TEST(JobRank, IsThatOfTheGroupThatAllComeFrom) {
  const int last = world().size() - 1;
  EXPECT_EQ(world().job_rank(), world().rank());
  const Communicator reversed = *world().split(0, last - world().rank());
  EXPECT_EQ(reversed.rank(), last - world().rank());
  EXPECT_EQ(reversed.job_rank(), world().rank());
  const auto refuse = [] { throw Error(Category::bad_option, "no such file"); };
  const std::string message = test::error_message(Category::bad_option, [&] {
    together(reversed, [&] {
      if (reversed.rank() == last) refuse();
    });
  });
  EXPECT_EQ(test::contains(message, "rank 0 on "), last > 0) << message;
  const Communicator copy = reversed.duplicate();
  for (int rank = 0; rank <= last; ++rank) EXPECT_EQ(copy.job_rank(rank), last - rank);
  const std::vector<int> pair{last, 0};  // of `copy`: ranks 0 and `last` of all
  if (last > 0 && (copy.rank() == 0 || copy.rank() == last)) {
    const Communicator two = copy.subgroup(pair);
    EXPECT_EQ(two.job_rank(0), 0);
    EXPECT_EQ(two.job_rank(1), last);
    EXPECT_EQ(two.job_rank(), world().rank());
  }
  EXPECT_EQ(Communicator().job_rank(), 0);
}

TEST(FunctionComm, ConvertsToWhatMpiHas) {
  const Communicator own = world().duplicate();
  const Comm comm = function_comm(own);
  const MPI_Comm raw = comm;
  int size = 0;
  MPI_Comm_size(raw, &size);
  EXPECT_EQ(size, world().size());
  EXPECT_EQ(comm.rank(), world().rank());
  const boost::mpi::communicator boosted = comm;
  EXPECT_EQ(boosted.rank(), comm.rank());
}

TEST(FunctionComm, ThrowsWithoutMpi) {
  for (const Comm& comm : {Comm(), function_comm(Communicator())}) {
    EXPECT_EQ(comm.size(), 1);
    try {
      static_cast<void>(static_cast<MPI_Comm>(comm));
      ADD_FAILURE() << "a communicator without MPI";
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::bad_option);
    }
  }
}

TEST(FunctionComm, NotesErrorsThatWereOverlooked) {
  const Comm comm = function_comm(world().duplicate());
  EXPECT_FALSE(overlooked_error(comm).has_value());
  int value = 0;
  EXPECT_NE(MPI_Send(&value, 1, MPI_INT, 99, 0, comm), MPI_SUCCESS);
  EXPECT_TRUE(overlooked_error(comm).has_value());
  EXPECT_FALSE(overlooked_error(comm).has_value());
  world().barrier();
}

TEST(Consent, IsThatOfAll) {
  const Communicator own = world().duplicate();
  Consent consent(own, {});
  EXPECT_TRUE(answer(consent).empty());
}

TEST(Consent, TellsTheObjectionOfTheLowestRank) {
  const Communicator own = world().duplicate();
  for (int lowest = 0; lowest < world().size(); ++lowest) {
    const bool objects = world().rank() >= lowest;
    Consent consent(own,
                    objects ? bytes_of("rank " + std::to_string(world().rank())) : std::vector<std::byte>());
    EXPECT_EQ(answer(consent), bytes_of("rank " + std::to_string(lowest)));
  }
  Consent large(own, std::vector<std::byte>(100'000, std::byte(world().rank())));
  EXPECT_EQ(answer(large), std::vector<std::byte>(100'000, std::byte{0}));
}

TEST(Consent, OfOneRankIsItsOwn) {
  Consent yes(Communicator(), {});
  EXPECT_TRUE(yes.poll());
  EXPECT_TRUE(yes.objection().empty());
  Consent no(Communicator(), bytes_of("no"));
  EXPECT_TRUE(no.poll());
  EXPECT_EQ(no.objection(), bytes_of("no"));
}

}  // namespace
}  // namespace mpipe
