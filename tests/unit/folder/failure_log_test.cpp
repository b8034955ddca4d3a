// SPDX-License-Identifier: BSD-3-Clause
// Tests of errors/failures.jsonl: what is noted of failed elements is read again, whatever else is in the file.
#include "folder/api/failure_log.hpp"

#include <mpipe/core/error.hpp>

#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace mpipe {
namespace {

using test::TemporaryFolder;

Failure failure_at(Index element, const std::string& message) {
  Failure failure;
  failure.output = "y";
  failure.element = element;
  failure.index = {element / 10, element % 10};
  failure.message = message;
  failure.type = "std::runtime_error";
  failure.arguments = "x=1.5, name=\"a\\\"b\"";
  failure.host = "node7";
  failure.rank = 3;
  return failure;
}

std::string file_of(const TemporaryFolder& place) { return (place / "errors/failures.jsonl").string(); }

TEST(FailureLog, IsReadAsItWasWritten) {
  const TemporaryFolder place;
  EXPECT_TRUE(read_failures(place.path()).empty());
  FailureLog log(place.path(), 42);
  log.on_failure(failure_at(36, "the first of two"));
  log.on_failure(failure_at(37, "two\nlines, and \xff no text"));
  Failure of_the_job = failure_at(38, "no process can be made");
  of_the_job.category = Category::rank_lost;
  log.on_failure(of_the_job);
  EXPECT_EQ(log.problem(), "");
  // Later starts, each of which has the folder alone.
  FailureLog(place.path(), 43).on_failure(failure_at(5, "later"));
  FailureLog(place.path(), 42).on_failure(failure_at(5, "last"));

  const std::vector<LoggedFailure> all = read_failures(place.path());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].message, "the first of two");
  const std::vector<LoggedFailure> read(all.begin() + 1, all.end());
  EXPECT_EQ(read[0].output, "y");
  EXPECT_EQ(read[0].element, 37);
  EXPECT_EQ(read[0].index, (MultiIndex{3, 7}));
  EXPECT_EQ(read[0].message, "two\nlines, and \xef\xbf\xbd no text");
  EXPECT_EQ(read[0].type, "std::runtime_error");
  EXPECT_EQ(read[0].arguments, failure_at(0, "").arguments);
  EXPECT_EQ(read[0].host, "node7");
  EXPECT_EQ(read[0].rank, 3);
  EXPECT_EQ(read[0].seed, 42u);
  EXPECT_EQ(read[0].time.size(), std::string("2026-01-31T12:00:00Z").size());
  // Of an element that failed twice, the last time counts.
  EXPECT_EQ(read[1].element, 5);
  EXPECT_EQ(read[1].message, "last");
}

TEST(FailureLog, LinesThatAreCutCostThemselvesOnly) {
  const TemporaryFolder place;
  FailureLog(place.path(), 0).on_failure(failure_at(1, "first"));
  std::ofstream(file_of(place), std::ios::app) << R"({"time": "2026-01-31T12:00:00Z", "output": "y", "ind)";
  FailureLog(place.path(), 0).on_failure(failure_at(2, "second"));
  std::ofstream(file_of(place), std::ios::app) << "[1]\nnull\n{\"output\": 3}\n\n";
  const std::vector<LoggedFailure> read = read_failures(place.path());
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].message, "first");
  EXPECT_EQ(read[1].message, "second");
}

TEST(FailureLog, DoesNotGrowForEver) {
  const TemporaryFolder place;
  FailureLog log(place.path(), 0);
  const std::string text(std::size_t{1} << 20, 'x');
  for (Index k = 0; k < 20; ++k) log.on_failure(failure_at(k, text));
  EXPECT_LE(std::filesystem::file_size(file_of(place)), std::uintmax_t{16} << 20);
  EXPECT_EQ(read_failures(place.path()).size(), 15u);
  std::filesystem::resize_file(file_of(place), std::uintmax_t{64} << 20);
  EXPECT_THROW(read_failures(place.path()), Error);
}

TEST(FailureLog, IsNotWrittenThroughLinks) {
  for (const char* link : {"errors", "errors/failures.jsonl"}) {
    const TemporaryFolder place;
    std::filesystem::create_directory(place / "elsewhere");
    std::ofstream(place / "elsewhere/failures.jsonl") << "kept";
    if (std::string(link) == "errors")
      std::filesystem::create_directory_symlink(place / "elsewhere", place / link);
    else
      std::filesystem::create_directory(place / "errors"),
          std::filesystem::create_symlink(place / "elsewhere/failures.jsonl", place / link);
    FailureLog log(place.path(), 0);
    log.on_failure(failure_at(1, "first"));
    EXPECT_NE(log.problem().find("symbolic link"), std::string::npos) << log.problem();
    EXPECT_EQ(std::filesystem::file_size(place / "elsewhere/failures.jsonl"), 4u);
  }
}

TEST(FailureLog, ARunGoesOnWithoutIt) {
  const TemporaryFolder place;
  std::ofstream(place / "errors") << "a file where the folder is to be";
  FailureLog log(place.path(), 0);
  log.on_failure(failure_at(1, "first"));
  EXPECT_NE(log.problem().find("errors"), std::string::npos) << log.problem();
}

}  // namespace
}  // namespace mpipe
