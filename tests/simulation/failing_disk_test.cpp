// SPDX-License-Identifier: BSD-3-Clause
// A disk that fails for one rank of a run, at operation after operation: all ranks end with the same error,
// which says whose disk it was, and the run goes on when the disk is well again.
#include <mpipe/mpipe.hpp>

#include "comm/api/waiter.hpp"
#include "support/faulty_file_system.hpp"
#include "support/simulated_ranks.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <atomic>

namespace mpipe::test {
namespace {

using namespace std::chrono_literals;

constexpr int kRanks = 3;
constexpr Index kElements = 20;
thread_local int rank_of_thread = -1;
std::atomic<int> calls = 0;

/// Elements of both waves take long enough for journals to be synced and moved in between.
Pipeline pipeline() {
  return {function("y",
                   [](double x) {
                     ++calls;
                     sleep_for(5s);
                     return 2 * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]"),
          function("late",
                   [](double y) {
                     sleep_for(3s);
                     return std::vector<double>{y, y + 1};
                   })
              .parameters("y")
              .mapspec("y[i] -> late[i, k]"),
          function("total", [](const Array<double>& late) { return late.size(); }).parameters("late")};
}

MapOptions options_of(const fs::path& folder, bool resume) {
  MapOptions options;
  options.run_folder = folder.string();
  options.resume = resume;
  options.chunksizes = {{"", 1}};
  options.keep_status = false;
  return options;
}

/// Runs on simulated ranks; by rank what it ended with, empty where it completed.
std::vector<std::string> run(const fs::path& folder, bool resume, std::uint64_t seed) {
  std::vector<std::string> errors(kRanks);
  simulate_ranks(kRanks, seed, [&](const Communicator& comm) {
    rank_of_thread = comm.rank();
    try {
      map(pipeline(), comm, {{"x", linspace(0, 1, kElements)}}, options_of(folder, resume));
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::storage_failed) << error.what();
      errors[static_cast<std::size_t>(comm.rank())] = error.what();
    }
  });
  return errors;
}

/// Returns whether anything failed.
bool fail_and_resume(int victim, std::size_t first, FileFault fault) {
  const TemporaryFolder folder;
  FaultyFileSystem disk;
  const FileSystemInPlace in_place(disk);
  disk.hits = [&] { return rank_of_thread == victim; };
  disk.fail_from(first, fault);
  // Every other time ranks also commit together while blocks of a wave are left.
  ::setenv("MPIPE_JOURNAL_LIMIT", first % 2 == 0 ? "400" : "1000000", 1);
  const fs::path run_folder = folder.path() / "run";
  const std::vector<std::string> errors = run(run_folder, false, first);
  const std::string& told = errors.front();
  for (const std::string& error : errors) EXPECT_EQ(error, told);
  if (!disk.has_failed()) {
    EXPECT_EQ(told, "");
    return false;
  }
  if (!told.empty() && victim != 0) {
    EXPECT_NE(told.find(fault == FileFault::full ? "No space left" : "Input/output error"), std::string::npos)
        << told;
    EXPECT_NE(told.find("rank " + std::to_string(victim)), std::string::npos) << told;
  }
  disk.mend();
  fs::remove(run_folder / "lock");  // the process that could not remove it has ended
  if (fs::exists(run_folder / "run.json")) {
    for (const std::string& error : run(run_folder, true, first + 1)) EXPECT_EQ(error, "");
  }
  return true;
}

class FailingDiskOf : public testing::TestWithParam<std::tuple<int, FileFault>> {};

TEST_P(FailingDiskOf, IsToldOnAllRanksWhereverItBegins) {
  const auto [victim, fault] = GetParam();
  std::size_t failed = 0;
  // Each of the first operations, later ones now and then.
  for (std::size_t first = 0;; first += 1 + first / 6) {
    SCOPED_TRACE(first);
    if (!fail_and_resume(victim, first, fault) || HasFailure()) break;
    ++failed;
  }
  EXPECT_GT(failed, 10u);
}

/// The others have work for a long time: they are not left to it.
TEST(FailingDisk, EndsTheWorkOfTheOthers) {
  for (const int victim : {1, 2}) {
    SCOPED_TRACE(victim);
    const TemporaryFolder folder;
    FaultyFileSystem disk;
    const FileSystemInPlace in_place(disk);
    disk.hits = [&] { return rank_of_thread == victim; };
    calls = 0;
    // The journal of the victim takes its elements; having the disk take the journal fails.
    disk.before_each = [&](std::string_view operation) {
      if (rank_of_thread == victim && operation == "sync") disk.fail_from(0, FileFault::io);
    };
    for (const std::string& error : run(folder.path() / "run", false, 1)) {
      EXPECT_NE(error.find("rank " + std::to_string(victim)), std::string::npos) << error;
      EXPECT_NE(error.find("cannot sync"), std::string::npos) << error;
    }
    EXPECT_LT(calls, kElements / 2);
    disk.mend();
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, FailingDiskOf,
                         testing::Combine(testing::Values(0, 1, 2),
                                          testing::Values(FileFault::full, FileFault::io)));

}  // namespace
}  // namespace mpipe::test
