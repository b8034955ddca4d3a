// SPDX-License-Identifier: BSD-3-Clause
// Simulated ranks do what every group of ranks does, the same for the same seed, and never hang.
#include "support/simulated_ranks.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "support/expect_error.hpp"
#include "unit/comm/conformance.hpp"

#include <set>

namespace mpipe::test {
namespace {

using namespace std::chrono_literals;

TEST(Conformance, OfOneRank) { check_group(Communicator()); }

TEST(Conformance, OfSimulatedRanks) {
  for (const int ranks : {1, 2, 3, 5})
    for (std::uint64_t seed = 0; seed < 10; ++seed) simulate_ranks(ranks, seed, check_group);
}

TEST(SimulatedRanks, DoTheSameForTheSameSeed) {
  std::set<EventLog> logs;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const EventLog log = simulate_ranks(3, seed, check_group);
    EXPECT_GT(log.size(), 100U);
    EXPECT_EQ(log, simulate_ranks(3, seed, check_group));
    logs.insert(log);
  }
  EXPECT_EQ(logs.size(), 3U) << "other seeds are other runs";
}

std::string problem_of(const std::function<void(const Communicator&)>& program) {
  try {
    simulate_ranks(3, 1, program);
  } catch (const Bug& bug) {
    return bug.what();
  }
  return "no problem";
}

TEST(SimulatedRanks, SayWhatEachWaitsForWhenNobodyCanGoOn) {
  const std::string left = problem_of([](const Communicator& comm) {
    if (comm.rank() != 1) comm.barrier();
  });
  EXPECT_TRUE(contains(left, "rank 0 waits for the other ranks in a barrier")) << left;
  EXPECT_TRUE(contains(left, "rank 1 waits for nothing: it has ended")) << left;
  const std::string other = problem_of([](const Communicator& comm) {
    if (comm.is_root()) {
      comm.barrier();
    } else {
      comm.all_reduce(std::int64_t{1}, ReduceOp::sum);
    }
  });
  EXPECT_TRUE(contains(other, "where another one calls")) << other;
  const std::string silent = problem_of([](const Communicator& comm) {
    if (comm.rank() != 1) return;
    const Communicator alone = comm;
    Consent consent(alone, {});
    while (!consent.poll()) sleep_for(1ms);
  });
  EXPECT_TRUE(contains(silent, "look for messages that nobody sends")) << silent;
  EXPECT_TRUE(contains(silent, "rank 1 waits for the consent of the other ranks")) << silent;
}

TEST(SimulatedRanks, ThrowWhatARankThrows) {
  const std::string text = error_message(Category::storage_failed, [] {
    simulate_ranks(3, 5, [](const Communicator& comm) {
      together(comm, [&] {
        if (comm.rank() == 2) throw Error(Category::storage_failed, "the disk is full");
      });
    });
  });
  EXPECT_TRUE(contains(text, "rank 2 on")) << text;
}

// A day passes in no time, and only where somebody waits for it.
TEST(SimulatedRanks, HaveATimeOfTheirOwn) {
  simulate_ranks(2, 1, [](const Communicator&) {
    const TimePoint begin = SteadyClock().now();
    sleep_for(20s);
    EXPECT_GE(SteadyClock().now() - begin, 20s);
    EXPECT_LT(SteadyClock().now() - begin, 21s);
  });
}

}  // namespace
}  // namespace mpipe::test
