// SPDX-License-Identifier: BSD-3-Clause
// What handlers throw, and reports that cannot be true.
#include <mpipe/exec/pool.hpp>

#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"
#include "unit/exec/printing.hpp"

#include <string>

namespace mpipe {
namespace {

using test::block_of;

// Does what it is told.
class Handler final : public BlockHandler {
 public:
  explicit Handler(std::function<BlockReport(const Block&)> compute) : compute_(std::move(compute)) {}
  BlockReport compute(const Block& block) override { return compute_(block); }

 private:
  std::function<BlockReport(const Block&)> compute_;
};

BlockReport guarded(std::function<BlockReport(const Block&)> compute) {
  Handler handler(std::move(compute));
  return compute_guarded(handler, block_of(9, 10, 20), {.rank = 3, .host = "node3"});
}

template <class Exception>
Failure failure_of(Exception exception) {
  const BlockReport report = guarded([&](const Block&) -> BlockReport { throw exception; });
  EXPECT_EQ(report.block, block_of(9, 10, 20));
  EXPECT_EQ(report.completed, 0);
  return report.failure.value_or(Failure());
}

TEST(ComputeGuarded, passes_good_reports_on) {
  BlockReport whole;
  whole.block = block_of(9, 10, 20);
  whole.completed = 10;
  whole.journal_bytes = 77;
  EXPECT_EQ(guarded([&](const Block&) { return whole; }), whole);
  BlockReport part = whole;
  part.completed = 4;
  part.failure = test::failure_at(14, "m");
  EXPECT_EQ(guarded([&](const Block&) { return part; }), part);
}

TEST(ComputeGuarded, turns_exceptions_into_a_failure_of_the_first_element) {
  const Failure failure = failure_of(std::out_of_range("too far"));
  EXPECT_EQ(failure.element, 10);
  EXPECT_EQ(failure.message, "too far");
  EXPECT_EQ(failure.type, "std::out_of_range");
  EXPECT_EQ(failure.category, Category::function_raised);
  EXPECT_EQ(failure.rank, 3);
  EXPECT_EQ(failure.host, "node3");
}

TEST(ComputeGuarded, keeps_the_category_of_an_error) {
  const Failure failure = failure_of(Error(Category::storage_failed, "the disk is full"));
  EXPECT_EQ(failure.category, Category::storage_failed);
  EXPECT_EQ(failure.message, "the disk is full");
  EXPECT_EQ(failure.type, "mpipe::Error");
}

TEST(ComputeGuarded, tells_of_things_that_are_no_exceptions) {
  EXPECT_EQ(failure_of(std::string("text")).message, "text");
  EXPECT_EQ(failure_of(static_cast<const char*>("literal")).message, "literal");
  EXPECT_EQ(failure_of(static_cast<const char*>(nullptr)).message, "a null pointer");
  const Failure failure = failure_of(42);
  EXPECT_EQ(failure.type, "int");
  EXPECT_EQ(failure.message, "42");
}

TEST(ComputeGuarded, does_not_believe_the_impossible) {
  const auto with = [](Index completed, bool failed) {
    return guarded([=](const Block& block) {
      BlockReport report;
      report.block = block;
      report.completed = completed;
      if (failed) report.failure = test::failure_at(0, "of the handler");
      return report;
    });
  };
  for (const BlockReport& report :
       {with(11, false), with(-1, true), with(9, false), with(10, true), with(11, true)}) {
    EXPECT_EQ(report.completed, 0);
    ASSERT_TRUE(report.failure.has_value());
    EXPECT_EQ(report.failure->type, "mpipe::Bug");
    EXPECT_TRUE(test::contains(report.failure->message, "[10, 20)"));
  }
  EXPECT_FALSE(with(10, false).failure.has_value());
  EXPECT_EQ(with(9, true).failure->message, "of the handler");
}

}  // namespace
}  // namespace mpipe
