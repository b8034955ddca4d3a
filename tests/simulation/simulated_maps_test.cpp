// SPDX-License-Identifier: BSD-3-Clause
// Whole maps on simulated ranks: whatever the order of messages, the values are those of one rank, and a run
// made again from its seed is the same run.
#include <mpipe/mpipe.hpp>

#include "support/simulated_ranks.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace mpipe::test {
namespace {

double sum_of(ArrayView<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// Several waves, one with an axis that is found while running, and stages that overlap where no element fails; some
/// elements of `y` do.
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
              .mapspec("z[i, k], w[j] -> s[i, k, j]"),
          function("g", [](double x, double w) { return x + w; })
              .parameters("x", "w")
              .mapspec("x[i], w[j] -> g[i, j]"),
          function("column", sum_of).parameters("g").mapspec("g[:, j] -> column[j]"),
          function("part", [](double y, double sum) { return y / (1 + sum); })
              .parameters("y", "total")
              .mapspec("y[i] -> part[i]"),
          function("total", sum_of).parameters("column")};
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
  const bool fails = pick(2) == 0;
  made.inputs = {{"x", linspace(0, fails ? 1 : 0.8, 1 + pick(20))}, {"w", linspace(1, 2, 1 + pick(4))}};
  made.options.seed = seed;
  made.options.error_handling = fails || pick(4) == 0 ? "continue" : "raise";
  made.options.chunksizes = {{"", 1 + pick(4)}};
  made.options.rank0 = pick(2) == 0 ? Rank0::automatic : Rank0::schedule;
  made.options.retries = pick(2);
  return made;
}

Outcome run(const Communicator& comm, const Case& of) {
  const Results results = map(pipeline(), comm, of.inputs, of.options);
  Outcome outcome;
  for (const char* name : {"y", "z", "s", "g", "column", "part", "total"}) {
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

/// Whether a row was begun before all of what rows are made of was done.
class SeesRowsBegin final : public RunObserver {
 public:
  explicit SeesRowsBegin(Index elements) : left_(elements) {}
  void on_block_assigned(const BlockWorker&, const Block& block, TimePoint) override {
    began_early = began_early || (block.stage.value == 1 && left_ > 0);
  }
  void on_block_done(const BlockWorker&, const Block& block, Index completed, Duration, TimePoint) override {
    if (block.stage.value == 0) left_ -= completed;
  }
  bool began_early = false;

 private:
  Index left_;
};

TEST(SimulatedMaps, BeginRowsBeforeAllOfThemAreThereOnOneNode) {
  const Pipeline rows{function("g", [](double x, double w) { return x + w; })
                          .parameters("x", "w")
                          .mapspec("x[i], w[j] -> g[i, j]"),
                      function("row", sum_of).parameters("g").mapspec("g[i, :] -> row[i]")};
  for (const int ranks_per_node : {3, 1}) {
    const auto observer = std::make_shared<SeesRowsBegin>(80);
    MapOptions options;
    options.observer = observer;
    options.chunksizes = {{"", 4}};
    options.rank0 = Rank0::schedule;
    const auto program = [&](const Communicator& comm) {
      const Results results =
          map(rows, comm, {{"x", linspace(0, 19, 20)}, {"w", linspace(0, 3, 4)}}, options);
      if (comm.is_root()) {
        EXPECT_EQ(results.at("row").done, (RangeSet{{0, 20}}));
      }
    };
    simulate_ranks(3, 1, program, ranks_per_node);
    // Between nodes values travel when a stage is over.
    EXPECT_EQ(observer->began_early, ranks_per_node == 3);
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
