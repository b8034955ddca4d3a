// SPDX-License-Identifier: BSD-3-Clause
// Groups that outlive some of their ranks, as long as all are alive: `e2e.survive` kills some.
#include <mpipe/comm/environment.hpp>
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/survival.hpp"
#include "comm/api/transport.hpp"
#include "unit/comm/conformance.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace mpipe::test {
namespace {

const Communicator& world() {
  static const Communicator comm = communicator_from(MPI_COMM_WORLD);
  return comm;
}

void check_collectives(const Communicator& comm) {
  const int size = comm.size();
  for (int root = 0; root < size; ++root)
    EXPECT_EQ(comm.broadcast_text("of " + std::to_string(comm.rank()), root), "of " + std::to_string(root));
  const auto all = comm.gather(Bytes(static_cast<std::size_t>(comm.rank())));
  ASSERT_EQ(all.size(), comm.is_root() ? static_cast<std::size_t>(size) : 0U);
  for (std::size_t rank = 0; rank < all.size(); ++rank) EXPECT_EQ(all[rank].size(), rank);
  EXPECT_EQ(comm.all_reduce(std::int64_t{comm.rank() + 1}, ReduceOp::sum), size * (size + 1) / 2);
  EXPECT_EQ(comm.all_reduce(double(comm.rank()), ReduceOp::max), size - 1);
  EXPECT_EQ(comm.all_agree(static_cast<std::uint64_t>(comm.rank())), size == 1);
  comm.barrier();
  std::size_t ranks = 0;
  for (const Node& node : comm.nodes()) ranks += node.ranks.size();
  EXPECT_EQ(ranks, static_cast<std::size_t>(size));
  check_exchange(comm);
}

Category category_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.category();
  }
  return Category::internal_error;
}

class Surviving : public ::testing::Test {
 protected:
  // Without it the others would take a rank that goes on to the next test for lost.
  void TearDown() override { part_in_order(lasting_); }

  Communicator lasting_ = surviving(world());
};

TEST_F(Surviving, does_what_other_groups_do) {
  EXPECT_EQ(survives(lasting_), world().uses_mpi());
  check_collectives(lasting_);
  check_collectives(lasting_.duplicate());
  if (!survives(lasting_)) return;
  const Communicator meeting = meet(lasting_);
  check_collectives(meeting);
  const auto half = meeting.split(meeting.rank() % 2, -meeting.rank());
  ASSERT_TRUE(half.has_value());
  check_collectives(*half);
  EXPECT_EQ(lost_count(lasting_), 0U);
}

TEST_F(Surviving, a_meeting_that_is_given_up_throws_everywhere_and_another_one_is_made) {
  if (!survives(lasting_)) GTEST_SKIP() << "no MPI";
  for (int round = 0; round < 3; ++round) {
    const Communicator meeting = meet(lasting_);
    const Communicator part = meeting.duplicate();
    check_collectives(meeting);
    lasting_.barrier();  // all are through with that
    if (meeting.is_root()) give_up(meeting);
    // The others are in a call that nobody answers, or come to it later.
    EXPECT_EQ(category_of([&] { part.barrier(); }), Category::rank_lost);
    EXPECT_EQ(category_of([&] { meeting.broadcast_text("lost"); }), Category::rank_lost);
    EXPECT_TRUE(is_given_up(part));
    check_collectives(lasting_);
  }
}

TEST_F(Surviving, frames_travel_until_the_meeting_is_given_up) {
  if (!survives(lasting_) || world().size() == 1) GTEST_SKIP() << "nobody to send to";
  constexpr RunId kRun = 3;
  // Workers are numbered by their ranks in the meeting, which after a loss are others than those of the job.
  const Communicator all = meet(lasting_);
  const Communicator meeting = *all.split(0, all.is_root() ? -all.size() : -all.rank());
  const Bytes body(8, std::byte{5});
  const Bytes payload(100'000, std::byte{7});
  if (meeting.is_root()) {
    const auto transport = make_root_transport(meeting, kRun);
    for (std::uint32_t worker = 0; worker < transport->worker_count(); ++worker)
      transport->send({worker}, 1, body, payload);
    for (std::uint32_t got = 0; got < transport->worker_count();)
      if (const Frame* frame = transport->poll()) {
        EXPECT_EQ(frame->payload.size(), payload.size() + frame->worker.value);
        ++got;
      }
    give_up(meeting);
    EXPECT_EQ(category_of([&] { transport->poll(); }), Category::rank_lost);
  } else {
    const auto transport = make_worker_transport(meeting, kRun);
    const Frame* frame = transport->poll();
    while (frame == nullptr) frame = transport->poll();
    EXPECT_EQ(frame->payload.size(), payload.size());
    transport->send(2, body, Bytes(payload.size() + transport->worker().value));
    EXPECT_EQ(category_of([&] {
                for (;;) transport->poll();
              }),
              Category::rank_lost);
  }
}

}  // namespace
}  // namespace mpipe::test
