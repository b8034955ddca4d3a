// SPDX-License-Identifier: BSD-3-Clause
// Isolated functions and processes on several ranks. MPI is started by the test's main function, so that the
// ranks themselves are forked; the tests of the program and of the example have the early process.
#include <mpipe/mpipe.hpp>

#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace mpipe {
namespace {

using test::world;

double crashes_at_7(double x) {
  if (x == 7) ::raise(SIGSEGV);
  return 2 * x;
}
double plus_one(double y) { return y + 1; }
double sum(ArrayView<const double> values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

/// `y` and `z` are one stage: each element of `z` needs the one of `y` that was just computed elsewhere.
Pipeline crashing() {
  return {function("y", crashes_at_7).parameters("x").mapspec("x[i] -> y[i]").isolation(Isolation::process),
          function("z", plus_one).parameters("y").mapspec("y[i] -> z[i]"),
          function("row", sum).parameters("m").mapspec("m[i, :] -> row[i]").isolation(Isolation::process),
          function("total", sum).parameters("row").isolation(Isolation::process)};
}

Inputs inputs(double first) {
  Array<double> matrix(Shape{30, 500});
  for (Index k = 0; k < matrix.size(); ++k) matrix[k] = static_cast<double>(k % 7);
  return {{"x", linspace(first, first + 29, 30)}, {"m", matrix}};
}

TEST(Isolation, ACrashCostsItsElement) {
  for (const Index block : {1, 4, 30}) {
    const Results results =
        map(crashing(), world(), inputs(0), {.chunksizes = {{"", block}}, .error_handling = "continue"});
    EXPECT_EQ(results.at("y").failed, (RangeSet{IndexRange{7, 8}}));
    EXPECT_EQ(results.at("z").blocked, (RangeSet{IndexRange{7, 8}}));
    EXPECT_EQ(results.at("z").done.count(), 29);
    if (!world().is_root()) continue;
    ASSERT_EQ(results.failures.size(), 1u);
    EXPECT_EQ(results.failures[0].message, "killed by signal 11 (SIGSEGV)");
    for (Index k = 0; k < 30; ++k) {
      if (k == 7) continue;
      EXPECT_EQ(decode<double>(results.at("z").value.element(k)), 2.0 * static_cast<double>(k) + 1);
    }
  }
}

TEST(Isolation, RaiseTellsTheElementOnEveryRank) {
  try {
    map(crashing(), world(), inputs(0));
    ADD_FAILURE() << "no error";
  } catch (const FunctionError& error) {
    EXPECT_EQ(error.failures().front().element, 7);
    EXPECT_NE(std::string(error.what()).find("killed by signal 11 (SIGSEGV)"), std::string::npos)
        << error.what();
  }
}

TEST(Isolation, ValuesAreThoseWithoutIt) {
  const Results isolated = map(crashing(), world(), inputs(100));
  const Pipeline plain = crashing().isolate({"*"}, Isolation::none);
  const Results results = map(plain, world(), inputs(100));
  if (!world().is_root()) return;
  for (const char* output : {"y", "z", "row", "total"})
    EXPECT_EQ(isolated.value(output), results.value(output));
}

TEST(Processes, AnyMixGivesTheSameValues) {
  const Pipeline plain = crashing().isolate({"*"}, Isolation::none);
  const Results expected = map(plain, world(), inputs(100), {.parallel = false});
  for (const char* y : {"processes", "processes:2", "mpi"})
    for (const char* rest : {"processes:3", "sequential", "mpi"}) {
      const Results results = map(plain, world(), inputs(100), {.executor = {{"y", y}, {"", rest}}});
      if (!world().is_root()) continue;
      for (const char* output : {"y", "z", "row", "total"})
        EXPECT_EQ(results.value(output), expected.value(output)) << output << ": " << y << ", " << rest;
    }
}

TEST(Processes, ACrashCostsItsElement) {
  const Pipeline plain = crashing().isolate({"*"}, Isolation::none);
  const Results results =
      map(plain, world(), inputs(0), {.executor = {{"", "processes:2"}}, .error_handling = "continue"});
  EXPECT_EQ(results.at("y").failed, (RangeSet{IndexRange{7, 8}}));
  EXPECT_EQ(results.at("z").done.count(), 29);
}

TEST(Isolation, IsNotForFunctionsWithACommunicator) {
  const Function wrong = function("y", [](double x, const Comm&) { return x; })
                             .parameters("x")
                             .resources({.ranks = 2})
                             .isolation(Isolation::process);
  const std::string message = test::error_message(Category::bad_option, [&] { Pipeline{wrong}; });
  EXPECT_TRUE(test::contains(message, "function 'y' takes a communicator, so it cannot be isolated"));
}

}  // namespace
}  // namespace mpipe
