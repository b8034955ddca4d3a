// SPDX-License-Identifier: BSD-3-Clause
// The main function of GoogleTest programs that run on several ranks.
//
// Every rank runs every test. Rank 0 prints as usual, the others only what fails, each line with its rank. At
// the end all ranks agree on the result and rank 0 names those that failed, so that a failure on one is a
// failure of all. An ASSERT that leaves a collective call early leaves the others waiting for it, until
// mpirun's time limit: use EXPECT before a collective call and ASSERT after it.
#include <gtest/gtest.h>

#include <mpi.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

std::string rank_prefix(int rank) { return "[rank " + std::to_string(rank) + "] "; }

/// Prints the failures of this rank, and which test they are from.
class FailurePrinter : public testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : prefix_(rank_prefix(rank)) {}

  void OnTestStart(const testing::TestInfo& test) override {
    test_ = std::string(test.test_suite_name()) + "." + test.name();
  }
  void OnTestEnd(const testing::TestInfo&) override { test_ = "outside of a test"; }

  // GoogleTest holds its lock during this call: asking it for the current test would wait for ever.
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name() ? result.file_name() : "?";
    std::fprintf(stderr, "%s%s failed at %s:%d\n%s\n", prefix_.c_str(), test_.c_str(), file,
                 result.line_number(), prefixed_lines(result.message()).c_str());
  }

 private:
  std::string prefixed_lines(const std::string& message) const {
    std::string text = prefix_;
    for (const char c : message) {
      text += c;
      if (c == '\n') text += prefix_;
    }
    return text;
  }

  std::string prefix_;
  std::string test_ = "outside of a test";
};

/// What a rank has to say about its run of the tests.
struct Outcome {
  int failed = 0;  // 1: a test failed, or none ran
  int tests_run = 0;
};

std::vector<Outcome> gather_outcomes(Outcome mine, int size) {
  std::vector<Outcome> all(static_cast<std::size_t>(size));
  MPI_Gather(&mine, 2, MPI_INT, all.data(), 2, MPI_INT, 0, MPI_COMM_WORLD);
  return all;
}

/// On rank 0: prints the verdict on all ranks, and returns the exit code.
int report(const std::vector<Outcome>& outcomes) {
  std::string failed;
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    const bool same = outcomes[rank].tests_run == outcomes[0].tests_run;
    if (outcomes[rank].failed == 0 && same) continue;
    failed += (failed.empty() ? "" : ", ") + std::to_string(rank);
    if (!same) failed += " (ran " + std::to_string(outcomes[rank].tests_run) + " tests)";
  }
  if (failed.empty()) {
    std::printf("mpi_main: passed on all %zu rank(s), %d tests each\n", outcomes.size(),
                outcomes[0].tests_run);
  } else {
    std::printf("mpi_main: FAILED on rank(s) %s of %zu\n", failed.c_str(), outcomes.size());
  }
  std::fflush(stdout);
  return failed.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);

  testing::InitGoogleTest(&argc, argv);
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  if (rank != 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(rank));  // owned by GoogleTest
  }

  Outcome mine;
  mine.failed = RUN_ALL_TESTS();
  mine.tests_run = testing::UnitTest::GetInstance()->test_to_run_count();
  if (mine.tests_run == 0) mine.failed = 1;
  std::fflush(nullptr);

  // Only rank 0 returns the code: mpirun kills the others at the first rank that returns another one than 0.
  const std::vector<Outcome> outcomes = gather_outcomes(mine, size);
  const int code = rank == 0 ? report(outcomes) : 0;
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return code;
}
