// SPDX-License-Identifier: BSD-3-Clause
// Whole maps on simulated ranks: whatever the order of messages, the values are those of one rank, and a run
// made again from its seed is the same run.
#include <mpipe/mpipe.hpp>

#include "support/simulated_ranks.hpp"

#include <gtest/gtest.h>

#include <random>

namespace mpipe::test {
namespace {

/// Three waves, one with an axis that is found while running; some elements of `y` fail.
Pipeline pipeline() {
  return {function("y",
                   [](double x, Random random) {
                     if (x > 0.9) throw std::domain_error("x is too large");
                     return x + random.uniform();
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]"),
          function("z",
                   [](double y) {
                     return std::vector<double>{y, 2 * y};
                   })
              .parameters("y")
              .mapspec("y[i] -> z[i, k]"),
          function("s", [](double z, double w) { return z * w; })
              .parameters("z", "w")
              .mapspec("z[i, k], w[j] -> s[i, k, j]")};
}

/// What became of a map: the values of each output, and which elements have none.
struct Outcome {
  std::vector<Bytes> values;
  std::vector<RangeSet> done;
  std::vector<RangeSet> failed;
  std::vector<RangeSet> blocked;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Case {
  Inputs inputs;
  MapOptions options;
};

/// Sizes and options that differ from seed to seed.
Case case_of(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::uint64_t below) { return static_cast<Index>(random() % below); };
  Case made;
  made.inputs = {{"x", linspace(0, pick(2) == 0 ? 0.8 : 1, 1 + pick(20))},
                 {"w", linspace(1, 2, 1 + pick(4))}};
  made.options.seed = seed;
  made.options.error_handling = "continue";
  made.options.chunksizes = {{"", 1 + pick(4)}};
  made.options.rank0 = pick(2) == 0 ? Rank0::automatic : Rank0::schedule;
  made.options.retries = pick(2);
  return made;
}

Outcome run(const Communicator& comm, const Case& of) {
  const Results results = map(pipeline(), comm, of.inputs, of.options);
  Outcome outcome;
  for (const char* name : {"y", "z", "s"}) {
    const OutputResult& output = results.at(name);
    // Bytes of elements without a value mean nothing, so only runs where all have one compare them.
    const bool whole = output.done == output.selected;
    outcome.values.push_back(comm.is_root() && whole ? output.value.to_wire() : Bytes());
    outcome.done.push_back(output.done);
    outcome.failed.push_back(output.failed);
    outcome.blocked.push_back(output.blocked);
  }
  return outcome;
}

/// Also checks that all ranks know the same of the elements.
EventLog simulate(int ranks, std::uint64_t seed, const Case& of, const Outcome& expected,
                  int ranks_per_node = 1000) {
  const auto program = [&](const Communicator& comm) {
    const Outcome outcome = run(comm, of);
    if (comm.is_root()) {
      EXPECT_EQ(outcome.values, expected.values);
    }
    EXPECT_EQ(outcome.done, expected.done);
    EXPECT_EQ(outcome.failed, expected.failed);
    EXPECT_EQ(outcome.blocked, expected.blocked);
  };
  return simulate_ranks(ranks, seed, program, ranks_per_node);
}

TEST(SimulatedMaps, HaveTheValuesOfOneRankInMemory) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const Case of = case_of(seed);
    const Outcome expected = run(Communicator(), of);
    const int ranks = std::array{1, 2, 3, 5}[seed % 4];
    simulate(ranks, seed, of, expected);
    if (HasFailure()) return;
  }
}

TEST(SimulatedMaps, HaveTheValuesOfOneRankOnSeveralNodes) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const Case of = case_of(seed);
    const int ranks = std::array{2, 3, 5, 6}[seed % 4];
    simulate(ranks, seed, of, run(Communicator(), of), 1 + static_cast<int>(seed / 4 % 3));
    if (HasFailure()) return;
  }
}

TEST(SimulatedMaps, AreTheSameRunWhenTheyAreMadeAgain) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const Case of = case_of(seed);
    const Outcome expected = run(Communicator(), of);
    const EventLog log = simulate(3, seed, of, expected);
    EXPECT_GT(log.size(), 10U);
    EXPECT_EQ(log, simulate(3, seed, of, expected));
  }
}

}  // namespace
}  // namespace mpipe::test
