// SPDX-License-Identifier: BSD-3-Clause
// Functions that get a communicator: calls that several ranks make together, among all others.
#include <mpipe/comm/native_comm.hpp>
#include <mpipe/mpipe.hpp>

#include "mpi/shared_folder.hpp"
#include "support/environment.hpp"
#include "support/world.hpp"

#include <boost/mpi/collectives.hpp>
#include <boost/mpi/communicator.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <thread>

namespace mpipe {
namespace {

using test::world;

constexpr Index kElements = 12;

/// x * size, by the ranks of the call; wrong where they are not at the same element.
double summed(double x, Comm comm) {
  const boost::mpi::communicator ranks = comm;
  EXPECT_EQ(ranks.size(), comm.size());
  EXPECT_EQ(ranks.rank(), comm.rank());
  return boost::mpi::all_reduce(ranks, x, std::plus<>());
}

/// A few messages around the ring of a raw communicator.
double ring(double x, const Comm& comm) {
  MPI_Comm raw = comm;
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(raw, &rank);
  MPI_Comm_size(raw, &size);
  double sum = x;
  double passed = x;
  for (int step = 1; step < size; ++step) {
    MPI_Sendrecv_replace(&passed, 1, MPI_DOUBLE, (rank + 1) % size, 7, (rank + size - 1) % size, 7, raw,
                         MPI_STATUS_IGNORE);
    sum += passed;
  }
  return sum;
}

Inputs inputs() { return {{"x", linspace(0, kElements - 1, kElements)}}; }

bool has_workers(int count) { return world().size() > count; }

void expect_refused(const Pipeline& pipeline, const MapOptions& options, Category category,
                    const char* text) {
  try {
    map(pipeline, world(), inputs(), options);
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), category) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

TEST(Teams, ACallOfOneRankGetsACommunicatorOfItsOwn) {
  const Pipeline pipeline{function("y", summed).parameters("x").mapspec("x[i] -> y[i]")};
  const Results results = map(pipeline, world(), inputs());
  if (!world().is_root()) return;
  for (Index k = 0; k < kElements; ++k) EXPECT_EQ(results.get<Array<double>>("y")[k], static_cast<double>(k));
}

TEST(Teams, RunBesideFunctionsOfOneRank) {
  if (!has_workers(2)) return;
  const Pipeline pipeline{
      function("y", summed).parameters("x").mapspec("x[i] -> y[i]").resources({.ranks = 2}),
      function("z", [](double x) { return x * x; }).parameters("x").mapspec("x[i] -> z[i]"),
      function("w", ring).parameters("y").mapspec("y[i] -> w[i]").resources({.ranks = 2}),
      function("s", [](double w, double z) { return w + z; })
          .parameters("w", "z")
          .mapspec("w[i], z[i] -> s[i]")};
  const Results results = map(pipeline, world(), inputs());
  if (!world().is_root()) return;
  EXPECT_EQ(results.functions.at("y").calls, kElements);
  for (Index k = 0; k < kElements; ++k) {
    const auto x = static_cast<double>(k);
    EXPECT_EQ(results.get<Array<double>>("y")[k], 2 * x);
    EXPECT_EQ(results.get<Array<double>>("s")[k], 4 * x + x * x);
  }
}

TEST(Teams, NeverIncludeRankZero) {
  if (!has_workers(2)) return;
  std::atomic<int> calls{0};
  const Pipeline pipeline{function("y", [&calls](double x, Comm) { return ++calls, x; })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")
                              .resources({.ranks = 2})};
  map(pipeline, world(), inputs());
  EXPECT_TRUE(!world().is_root() || calls == 0);
  EXPECT_EQ(world().all_reduce(std::int64_t{calls}, ReduceOp::sum), 2 * kElements);
}

TEST(Teams, TakeAllWorkersWhereTheyAreToldTo) {
  const int workers = world().size() - 1;
  if (workers < 2) return;
  const Pipeline pipeline{
      function("y", summed).parameters("x").mapspec("x[i] -> y[i]").resources({.ranks = workers})};
  const Results results = map(pipeline, world(), inputs());
  if (!world().is_root()) return;
  EXPECT_EQ(results.get<Array<double>>("y")[3], 3.0 * workers);
}

TEST(Teams, HaveASizeThatDependsOnTheArguments) {
  const int most = std::max(1, world().size() - 1);
  const auto wanted = [most](double x) { return 1 + static_cast<int>(x) % most; };
  const Pipeline pipeline{function("y", [](double x, Comm comm) { return 100 * x + comm.size(); })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")
                              .ranks({"x"}, wanted)};
  const Results results = map(pipeline, world(), inputs());
  if (!world().is_root()) return;
  for (Index k = 0; k < kElements; ++k)
    EXPECT_EQ(results.get<Array<double>>("y")[k],
              static_cast<double>(100 * k + wanted(static_cast<double>(k))));
}

TEST(Teams, HaveASizeThatDependsOnWhatWasComputedBefore) {
  if (!has_workers(2)) return;
  const Pipeline pipeline{
      function("n", [](double x) { return x < 6 ? 1 : 2; }).parameters("x").mapspec("x[i] -> n[i]"),
      function("y", [](int n, Comm comm) { return comm.size() == n; })
          .parameters("n")
          .mapspec("n[i] -> y[i]")
          .ranks({"n"}, [](int n) { return n; })};
  const Results results = map(pipeline, world(), inputs());
  if (!world().is_root()) return;
  for (Index k = 0; k < kElements; ++k) EXPECT_TRUE(results.get<Array<bool>>("y")[k]) << k;
}

TEST(Teams, DrawTheSameRandomNumbersOnEachRank) {
  if (!has_workers(2)) return;
  const Pipeline pipeline{function("y",
                                   [](double, Random random, Comm comm) {
                                     const double mine = random.uniform();
                                     const boost::mpi::communicator ranks = comm;
                                     return boost::mpi::all_reduce(ranks, mine, std::plus<>()) / 2 - mine;
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")
                              .resources({.ranks = 2})};
  const Results results = map(pipeline, world(), inputs());
  if (!world().is_root()) return;
  for (Index k = 0; k < kElements; ++k) EXPECT_EQ(results.get<Array<double>>("y")[k], 0);
}

TEST(Teams, KeepValuesOfEveryKind) {
  if (!has_workers(2)) return;
  const auto shape_of_team = [](double x, Comm comm) {
    const std::string text = std::to_string(comm.size()) + " for " + std::to_string(static_cast<int>(x));
    return std::tuple(std::vector<std::string>{text, "", text}, std::vector<double>{x, 2 * x, 3 * x});
  };
  const Pipeline pipeline{function({"text", "field"}, shape_of_team)
                              .parameters("x")
                              .mapspec("x[i] -> text[i, j], field[i, j]")
                              .resources({.ranks = 2})};
  const Results results = map(pipeline, world(), inputs());
  if (!world().is_root()) return;
  EXPECT_EQ(results.get<Array<std::string>>("text")[3 * 5 + 2], "2 for 5");
  EXPECT_EQ(results.get<Array<double>>("field")[3 * 5 + 2], 15);
}

TEST(Teams, ThatCannotBeAreRefusedBeforeAnythingRuns) {
  std::atomic<int> calls{0};
  const auto counted = [&calls](double x, Comm) { return ++calls, x; };
  const auto y = [&] { return function("y", counted).parameters("x").mapspec("x[i] -> y[i]"); };
  const int too_many = std::max(2, world().size());
  expect_refused({y().resources({.ranks = too_many})}, {}, Category::bad_option, "'y' wants");
  MapOptions sequential;
  sequential.executor = {{"", "sequential"}};
  expect_refused({y().resources({.ranks = 2})}, sequential, Category::bad_option,
                 "the executor 'sequential'");
  MapOptions threads;
  threads.executor = {{"", "threads:2"}};
  expect_refused({y().thread_safe()}, threads, Category::bad_option, "several threads");
  MapOptions processes;
  processes.executor = {{"", "processes:2"}};
  expect_refused({y().resources({.ranks = 1})}, processes, Category::bad_option, "takes a communicator");
  expect_refused({y().ranks({"x"}, [too_many](double x) { return x == 7 ? too_many : 1; })}, {},
                 Category::bad_option, "for y[7]");
  expect_refused({y().ranks({"x"}, [](double x) { return x == 3 ? 0 : 1; })}, {}, Category::bad_option,
                 "for y[3]");
  EXPECT_EQ(calls, 0);
}

/// Waits until a file is there, for a few seconds at most.
bool comes(const std::filesystem::path& file) {
  for (int k = 0; k < 800; ++k) {
    if (std::filesystem::exists(file)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class TeamsInFolder : public test::SharedFolderTest {};

/// Journals are full after every block, so that a commit is always due.
TEST_F(TeamsInFolder, NothingIsCommittedWhileATeamComputes) {
  if (!has_workers(3)) return;
  const test::WithVariable limit("MPIPE_JOURNAL_LIMIT", "1");
  const std::filesystem::path folder = folder_;
  constexpr Index kSingles = 60;
  const Pipeline pipeline{function("y",
                                   [folder](double x, const Comm& comm) {
                                     if (comm.rank() == 0) std::ofstream{folder / "team"};
                                     return comes(folder / "singles") ? x : -1;
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")
                              .resources({.ranks = 2}),
                          function("z",
                                   [folder](double w) {
                                     if (w == kSingles - 10 && !comes(folder / "team")) return -1.0;
                                     if (w == kSingles - 1) std::ofstream{folder / "singles"};
                                     return w;
                                   })
                              .parameters("w")
                              .mapspec("w[j] -> z[j]")};
  const MapOptions options{.run_folder = folder_ / "run", .chunksizes = {{"", 1}}, .rank0 = Rank0::schedule};
  const Results results =
      map(pipeline, world(), {{"x", {7.0}}, {"w", linspace(0, kSingles - 1, kSingles)}}, options);
  if (!world().is_root()) return;
  EXPECT_EQ(results.get<Array<double>>("y")[0], 7) << "the others waited for a commit";
  EXPECT_EQ(results.get<Array<double>>("z")[kSingles - 10], kSingles - 10) << "no team while they computed";
}

TEST(Teams, AnExceptionOnOneRankFailsTheElementAndSaysWhere) {
  if (!has_workers(2)) return;
  // Both come back: the other one does not wait for messages of the one that throws.
  const auto throws_on_one = [](double x, Comm comm) {
    if (x == 4 && comm.rank() == 1) throw std::runtime_error("no convergence");
    return x;
  };
  const Pipeline pipeline{
      function("y", throws_on_one).parameters("x").mapspec("x[i] -> y[i]").resources({.ranks = 2})};
  MapOptions options;
  options.error_handling = "continue";
  const Results results = map(pipeline, world(), inputs(), options);
  if (world().is_root()) {
    EXPECT_EQ(results.at("y").failed.count(), 1);
    EXPECT_TRUE(results.at("y").failed.contains(4));
    EXPECT_EQ(results.at("y").done.count(), kElements - 1);
    ASSERT_EQ(results.failures.size(), 1U);
    EXPECT_EQ(results.failures[0].message, "no convergence");
    EXPECT_GT(results.failures[0].rank, 1);  // the second rank of a team of workers
    EXPECT_EQ(results.failures[0].arguments, "x=4");
    EXPECT_EQ(results.failures[0].index, MultiIndex{4});
  }
  options.error_handling = "raise";
  try {
    map(pipeline, world(), inputs(), options);
    ADD_FAILURE() << "no failure";
  } catch (const FunctionError& error) {
    EXPECT_EQ(error.failures().front().message, "no convergence");
    EXPECT_GT(error.failures().front().rank, 1);
  }
}

TEST(Teams, OfSeveralExceptionsTheOneOfTheLowestRankCounts) {
  if (!has_workers(2)) return;
  const auto all_throw = [](double x, Comm comm) -> double {
    if (x == 4) throw std::runtime_error("rank " + std::to_string(comm.rank()) + " of the call");
    return x;
  };
  const Pipeline pipeline{
      function("y", all_throw).parameters("x").mapspec("x[i] -> y[i]").resources({.ranks = 2})};
  MapOptions options;
  options.error_handling = "continue";
  const Results results = map(pipeline, world(), inputs(), options);
  if (!world().is_root()) return;
  ASSERT_EQ(results.failures.size(), 1U);
  EXPECT_EQ(results.failures[0].message, "rank 0 of the call");
}

TEST(Teams, TryAgainTogetherAndWithoutTheMessagesOfBefore) {
  if (!has_workers(2)) return;
  int tries = 0;
  // The first try of each element leaves a message behind that the second one must not get.
  const auto second_time_lucky = [&tries](double x, Comm comm) {
    MPI_Comm raw = comm;
    double value = ++tries % 2 == 1 ? -1 : x;
    if (comm.rank() == 0) {
      MPI_Send(&value, 1, MPI_DOUBLE, 1, 3, raw);
    } else if (tries % 2 == 0) {
      MPI_Recv(&value, 1, MPI_DOUBLE, 0, 3, raw, MPI_STATUS_IGNORE);
    }
    if (tries % 2 == 1 && comm.rank() == 1) throw std::runtime_error("not yet");
    double least = 0;
    if (tries % 2 == 0) MPI_Allreduce(&value, &least, 1, MPI_DOUBLE, MPI_MIN, raw);
    return least;
  };
  const Pipeline pipeline{
      function("y", second_time_lucky).parameters("x").mapspec("x[i] -> y[i]").resources({.ranks = 2})};
  MapOptions options;
  options.retries = 1;
  const Results results = map(pipeline, world(), inputs(), options);
  if (!world().is_root()) return;
  EXPECT_EQ(results.failed_elements, 0);
  EXPECT_EQ(results.functions.at("y").calls, 2 * kElements);
  for (Index k = 0; k < kElements; ++k) EXPECT_EQ(results.get<Array<double>>("y")[k], static_cast<double>(k));
}

TEST(Teams, AnErrorOfMpiThatIsOverlookedFailsTheElement) {
  if (!has_workers(2)) return;
  const auto careless = [](double x, Comm comm) {
    MPI_Comm raw = comm;
    if (x == 2) MPI_Send(&x, 1, MPI_DOUBLE, 99, 0, raw);  // there is no such rank
    return x;
  };
  const Pipeline pipeline{
      function("y", careless).parameters("x").mapspec("x[i] -> y[i]").resources({.ranks = 2})};
  MapOptions options;
  options.error_handling = "continue";
  const Results results = map(pipeline, world(), inputs(), options);
  if (!world().is_root()) return;
  EXPECT_EQ(results.at("y").done.count(), kElements - 1);
  ASSERT_EQ(results.failures.size(), 1U);
  EXPECT_NE(results.failures[0].message.find("MPI reported an error"), std::string::npos)
      << results.failures[0].message;
}

using StoredTeams = test::SharedFolderTest;

TEST_F(StoredTeams, AreResumed) {
  if (!has_workers(2)) return;
  bool fails = true;
  const auto summed_or_not = [&fails](double x, Comm comm) {
    if (fails && x == 9) throw std::runtime_error("power cut");
    return summed(x, comm);
  };
  const Pipeline pipeline{
      function("y", summed_or_not).parameters("x").mapspec("x[i] -> y[i]").resources({.ranks = 2})};
  MapOptions options;
  options.run_folder = folder_ / "run";
  options.error_handling = "raise";
  EXPECT_THROW(map(pipeline, world(), inputs(), options), FunctionError);
  fails = false;
  options.resume = true;
  const Results results = map(pipeline, world(), inputs(), options);
  if (!world().is_root()) return;
  EXPECT_LT(results.functions.at("y").calls, kElements);
  EXPECT_GE(results.functions.at("y").calls, 1);
  for (Index k = 0; k < kElements; ++k)
    EXPECT_EQ(results.get<Array<double>>("y")[k], static_cast<double>(2 * k));
}

}  // namespace
}  // namespace mpipe
