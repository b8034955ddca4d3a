// SPDX-License-Identifier: BSD-3-Clause
// Executors per output: any mix gives the same values, and failures end all of it.
#include <mpipe/mpipe.hpp>

#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace mpipe {
namespace {

using test::world;

std::atomic<int> fetched{0};

double fetch(double x) {
  ++fetched;
  std::this_thread::sleep_for(std::chrono::microseconds(200));
  return 3 * x;
}
double square(double y) { return y * y; }
double plain(double x) { return x - 1; }
double total(ArrayView<const double> values, ArrayView<const double> others) {
  double sum = 0;
  for (Index k = 0; k < values.size(); ++k) sum = sum / 2 + values.begin()[k] * others.begin()[k];
  return sum;
}

/// `y` and `z` would share a stage, as each element of `z` needs one of `y`; `w` is beside them.
Pipeline mixed() {
  return {function("y", fetch).parameters("x").mapspec("x[i] -> y[i]").thread_safe(),
          function("z", square).parameters("y").mapspec("y[i] -> z[i]").thread_safe(),
          function("w", plain).parameters("x").mapspec("x[i] -> w[i]"),
          function("s", total).parameters("z", "w").thread_safe()};
}

double value_of_s(const MapOptions& options) {
  const Results results = map(mixed(), world(), {{"x", linspace(0, 9, 100)}}, options);
  return world().is_root() ? results.get<double>("s") : 0;
}

TEST(Executors, AnyMixGivesTheSameValues) {
  MapOptions options;
  options.parallel = false;
  const double expected = value_of_s(options);
  options.parallel = true;
  for (const char* y : {"sequential", "threads:3", "mpi"})
    for (const char* z : {"sequential", "threads:2", "mpi"})
      for (const char* rest : {"sequential", "mpi"}) {
        options.executor = {{"y", y}, {"z", z}, {"", rest}};
        EXPECT_EQ(value_of_s(options), expected) << y << " " << z << " " << rest;
      }
}

TEST(Executors, RunWhereTheyWereAskedTo) {
  MapOptions options;
  options.executor = {{"y", "threads:2"}, {"", "mpi"}};
  fetched = 0;
  value_of_s(options);
  EXPECT_EQ(fetched, world().is_root() ? 100 : 0);
}

TEST(Executors, AFailureEndsTheOthersToo) {
  const Pipeline pipeline{function("bad",
                                   [](double x) {
                                     if (x > 2) throw std::runtime_error("no such file");
                                     return x;
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> bad[i]")
                              .thread_safe(),
                          function("slow",
                                   [](double x) {
                                     std::this_thread::sleep_for(std::chrono::milliseconds(5));
                                     return x;
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> slow[i]")};
  MapOptions options;
  options.executor = {{"bad", "threads:2"}, {"slow", "mpi"}};
  options.chunksizes = {{"", 1}};
  try {
    map(pipeline, world(), {{"x", linspace(0, 1999, 2000)}}, options);
    FAIL() << "no failure";
  } catch (const FunctionError& error) {
    EXPECT_EQ(error.failures().front().output, "bad");
    if (world().is_root()) {
      EXPECT_LT(error.partial().at("slow").done.count(), 2000);
    }
  }
}

TEST(Executors, ChunkSizesMayDependOnTheNumberOfElements) {
  MapOptions options;
  options.parallel = false;
  const double expected = value_of_s(options);
  Index asked = 0;
  options.parallel = true;
  options.chunksizes = {{"y", [&](Index todo) { return (asked = todo) / 3; }}, {"", ChunkSize()}};
  EXPECT_EQ(value_of_s(options), expected);
  EXPECT_EQ(asked, world().is_root() ? 100 : 0);
  options.chunksizes = {{"y", [](Index) { return 0; }}};
  try {
    value_of_s(options);
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::bad_chunksize) << error.what();
  }
}

TEST(Executors, AreCheckedBeforeAnythingRuns) {
  const auto refused = [](std::map<std::string, ExecutorChoice> executor, Category category) {
    MapOptions options;
    options.executor = std::move(executor);
    fetched = 0;
    try {
      value_of_s(options);
      ADD_FAILURE() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), category) << error.what();
    }
    EXPECT_EQ(fetched, 0);
  };
  refused({{"y", "threads"}}, Category::no_executor);
  refused({{"q", "threads"}, {"", "mpi"}}, Category::unknown_output);
  refused({{"y", "threads:0"}, {"", "mpi"}}, Category::bad_option);
  refused({{"w", "threads"}, {"", "mpi"}}, Category::bad_option);  // not declared thread-safe
  refused({{"", "processes:0"}}, Category::bad_option);
  MapOptions both;
  both.executor = {{"", "sequential"}};
  both.parallel = false;
  EXPECT_THROW(value_of_s(both), Error);
}

}  // namespace
}  // namespace mpipe
