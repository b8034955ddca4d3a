// SPDX-License-Identifier: BSD-3-Clause
// Maps that go on after failures, on any number of ranks: what fails, what that blocks, what is stored of it
// and what a resume does with it.
#include <mpipe/folder/status.hpp>
#include <mpipe/mpipe.hpp>
#include <mpipe/store/run_reader.hpp>

#include "mpi/shared_folder.hpp"
#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <atomic>
#include <filesystem>

namespace mpipe {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::error_message;
using test::world;

double sum(ArrayView<const double> values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

/// How often each function of a test is called, on all ranks.
struct Calls {
  std::atomic<int> y{0}, z{0}, r{0}, t{0};
  std::int64_t everywhere(const std::atomic<int>& calls) const {
    return world().all_reduce(std::int64_t{calls.load()}, ReduceOp::sum);
  }
};

/// y[i, j] fails where i * 10 + j is in `bad`; z per element, r per row, t of all rows.
Pipeline grid(std::vector<double> bad, Calls& calls) {
  return {function("y",
                   [bad, &calls](double a, double b) {
                     ++calls.y;
                     for (const double each : bad)
                       if (each == 10 * a + b) throw std::runtime_error("bad place");
                     return 10 * a + b;
                   })
              .parameters("a", "b")
              .mapspec("a[i], b[j] -> y[i, j]"),
          function("z",
                   [&calls](double y) {
                     ++calls.z;
                     return y + 0.5;
                   })
              .parameters("y")
              .mapspec("y[i, j] -> z[i, j]"),
          function("r",
                   [&calls](ArrayView<const double> z) {
                     ++calls.r;
                     return sum(z);
                   })
              .parameters("z")
              .mapspec("z[i, :] -> r[i]"),
          function("t", [&calls](ArrayView<const double> r) {
            ++calls.t;
            return sum(r);
          }).parameters("r")};
}

Inputs grid_inputs() { return {{"a", linspace(0, 9, 10)}, {"b", linspace(0, 9, 10)}}; }

class MapContinue : public test::SharedFolderTest {
 protected:
  MapOptions go_on(bool resume = false) const {
    MapOptions options{.run_folder = folder_ / "run", .resume = resume, .error_handling = "continue"};
    return options;
  }
};

const RangeSet failed_places{{3, 4}, {37, 39}};  // in rows 0 and 3

void expect_grid(const Results& results) {
  EXPECT_EQ(results.at("y").failed, failed_places);
  EXPECT_EQ(results.at("y").done, (RangeSet{{0, 3}, {4, 37}, {39, 100}}));
  EXPECT_TRUE(results.at("y").blocked.empty());
  EXPECT_EQ(results.at("z").blocked, failed_places);
  EXPECT_TRUE(results.at("z").failed.empty());
  EXPECT_TRUE(results.at("z").blocked_by_array.empty());
  EXPECT_EQ(results.at("r").blocked, (RangeSet{{0, 1}, {3, 4}}));
  EXPECT_EQ(results.at("r").blocked_by_array, results.at("r").blocked);
  EXPECT_EQ(results.at("t").blocked, (RangeSet{{0, 1}}));
  EXPECT_EQ(results.failed_elements, 3);
  EXPECT_EQ(results.at("t").state(0), ValueState::blocked_by_array);
  EXPECT_EQ(results.at("z").state(38), ValueState::blocked_by_value);
  const auto causes = results.root_causes("t", 0);
  ASSERT_EQ(causes.size(), 3U);
  EXPECT_EQ(causes[0].output, "y");
  EXPECT_EQ(causes[2].element, 38);
  EXPECT_EQ(causes[2].index, (MultiIndex{3, 8}));
  const auto of_row = results.root_causes("r", 0);
  ASSERT_EQ(of_row.size(), 1U);
  EXPECT_EQ(of_row[0].index, (MultiIndex{0, 3}));
  EXPECT_TRUE(results.root_causes("r", 1).empty());
}

TEST_F(MapContinue, ComputesAllThatDoesNotNeedWhatFailed) {
  for (const char* executor : {"sequential", "threads:3", "mpi"})
    for (const Index block : {1, 7, 100})
      for (const char* storage : {"", "memory", "hdf5"}) {
        Calls calls;
        MapOptions options{
            .executor = {{"", executor}}, .chunksizes = {{"", block}}, .error_handling = "continue"};
        if (*storage != '\0') {
          options.run_folder = folder_ / "run";
          options.overwrite = true;
          options.storage = {{"", storage}};
        }
        Pipeline pipeline = grid({3, 37, 38}, calls);
        if (options.executor.at("") == "threads:3") {
          std::vector<Function> functions;
          for (const FunctionNode& node : pipeline.functions())
            functions.push_back(Function(node.function).thread_safe());
          pipeline = Pipeline(std::move(functions));
        }
        const Results results = map(pipeline, world(), grid_inputs(), options);
        expect_grid(results);
        EXPECT_EQ(calls.everywhere(calls.y), 100);
        EXPECT_EQ(calls.everywhere(calls.z), 97);
        EXPECT_EQ(calls.everywhere(calls.r), 8);
        EXPECT_EQ(calls.everywhere(calls.t), 0);
        EXPECT_EQ(results.functions.at("y").calls, 100);
        ASSERT_EQ(results.failures.size(), 3U);
        EXPECT_EQ(results.failures[0].index, (MultiIndex{0, 3}));
        EXPECT_EQ(results.failures[2].arguments, "a=3, b=8");
        EXPECT_EQ(results.failures[2].message, "bad place");
        if (world().is_root()) {
          EXPECT_EQ(results.at("r").value.as<std::vector<double>>()[9], 950);
        }
      }
}

TEST_F(MapContinue, MarksFailedAndBlockedElementsInTheFile) {
  for (const char* storage : {"hdf5", "memory"}) {
    Calls calls;
    MapOptions options = go_on();
    options.storage = {{"", storage}};
    options.overwrite = true;
    map(grid({3, 37, 38}, calls), world(), grid_inputs(), options);
    if (!world().is_root()) continue;
    RunReader reader(options.run_folder);
    EXPECT_TRUE(reader.complete());
    EXPECT_EQ(reader.progress(*reader.find("y")).failed(), failed_places);
    EXPECT_EQ(reader.progress(*reader.find("z")).blocked(), failed_places);
    EXPECT_EQ(reader.progress(*reader.find("r")).blocked(), (RangeSet{{0, 1}, {3, 4}}));
    EXPECT_EQ(reader.progress(*reader.find("t")).blocked(), (RangeSet{{0, 1}}));
    EXPECT_EQ(reader.progress(*reader.find("r")).done(), (RangeSet{{1, 3}, {4, 10}}));
    EXPECT_EQ(verify_run_store(options.run_folder), std::vector<std::string>());
    const RunStatus status = read_status(options.run_folder);
    EXPECT_EQ(status.state, RunState::completed);
    EXPECT_EQ(status.exit_code, 1);
    for (const OutputStatus& output : status.outputs) {
      EXPECT_EQ(output.pending(), 0) << output.name;
      EXPECT_EQ(output.failed, output.name == "y" ? 3 : 0) << output.name;
      EXPECT_EQ(output.blocked, output.name == "z" ? 3 : output.name == "r" ? 2 : output.name == "t" ? 1 : 0);
    }
  }
}

TEST_F(MapContinue, ResumeKeepsFailuresUntilTheyAreToBeRetried) {
  Calls first;
  map(grid({3, 37, 38}, first), world(), grid_inputs(), go_on());
  Calls second;
  const Results kept = map(grid({}, second), world(), grid_inputs(), go_on(true));
  expect_grid(kept);
  EXPECT_EQ(kept.new_failures, 0);
  EXPECT_TRUE(kept.failures.empty());
  EXPECT_EQ(second.everywhere(second.y) + second.everywhere(second.z) + second.everywhere(second.t), 0);

  Calls third;
  MapOptions retry = go_on(true);
  retry.retry_failed = true;
  const Results again = map(grid({37}, third), world(), grid_inputs(), retry);
  EXPECT_EQ(third.everywhere(third.y), 3);
  EXPECT_EQ(third.everywhere(third.z), 2);
  EXPECT_EQ(third.everywhere(third.r), 1);
  EXPECT_EQ(third.everywhere(third.t), 0);
  EXPECT_EQ(again.at("y").failed, (RangeSet{{37, 38}}));
  EXPECT_EQ(again.at("r").blocked, (RangeSet{{3, 4}}));

  const Results all = map(grid({}, third), world(), grid_inputs(), retry);
  EXPECT_EQ(all.failed_elements, 0);
  if (!world().is_root()) return;
  EXPECT_EQ(all.value("t").as<double>(), 4950 + 50);
  EXPECT_EQ(RunReader(folder_ / "run").progress(0).failed(), RangeSet());
  EXPECT_EQ(verify_run_store(folder_ / "run"), std::vector<std::string>());
  EXPECT_EQ(read_status(folder_ / "run").exit_code, 0);
}

TEST_F(MapContinue, ResumesUnderAnotherErrorHandling) {
  Calls calls;
  map(grid({}, calls), world(), grid_inputs(), go_on());
  MapOptions raise = go_on(true);
  raise.error_handling = "raise";
  const Results again = map(grid({}, calls), world(), grid_inputs(), raise);
  for (const auto& [name, cost] : again.functions) EXPECT_EQ(cost.calls, 0) << name;
}

TEST_F(MapContinue, SelectionsAccumulateAndShowWhatTheySelect) {
  Calls calls;
  MapOptions options = go_on();
  options.fixed = {{"i", Slice{0, 2, {}}}};
  options.outputs = {"z"};
  const Results first = map(grid({3, 15, 37}, calls), world(), grid_inputs(), options);
  EXPECT_EQ(first.at("y").failed, (RangeSet{{3, 4}, {15, 16}}));
  options = go_on(true);
  options.fixed = {{"i", Slice{1, 4, {}}}};
  options.outputs = {"z"};
  const Results second = map(grid({3, 15, 37}, calls), world(), grid_inputs(), options);
  EXPECT_EQ(calls.everywhere(calls.y), 40);
  EXPECT_EQ(second.at("y").failed, (RangeSet{{15, 16}, {37, 38}}));
  EXPECT_EQ(second.at("z").blocked, (RangeSet{{15, 16}, {37, 38}}));
  EXPECT_EQ(second.at("z").done.count(), 28);
  EXPECT_EQ(second.at("y").state(0), ValueState::missing) << "done by another call";
  EXPECT_EQ(second.new_failures, 1);
}

TEST_F(MapContinue, StopsAfterTooManyFailures) {
  std::vector<double> bad;
  for (int k = 20; k < 100; k += 2) bad.push_back(k);
  Calls calls;
  MapOptions options = go_on();
  options.max_failures = 4;
  options.chunksizes = {{"", 2}};
  try {
    map(grid(bad, calls), world(), grid_inputs(), options);
    ADD_FAILURE() << "it went on";
  } catch (const FunctionError& error) {
    EXPECT_TRUE(contains(error.what(), "more than 4 elements failed"));
    EXPECT_GT(error.partial().new_failures, 4);
    EXPECT_LT(calls.everywhere(calls.y), 100);
  }
  if (world().is_root()) {
    EXPECT_EQ(read_status(options.run_folder).state, RunState::failed);
    EXPECT_EQ(read_status(options.run_folder).exit_code, 1);
  }
  const auto before = calls.everywhere(calls.y);
  MapOptions resume = go_on(true);
  const Results results = map(grid(bad, calls), world(), grid_inputs(), resume);
  EXPECT_EQ(calls.everywhere(calls.y), 100) << before << " before";
  EXPECT_EQ(results.failed_elements, 40);
  EXPECT_EQ(results.at("z").blocked, results.at("y").failed);
  MapOptions enough{.error_handling = "continue", .max_failures = 40};
  EXPECT_EQ(map(grid(bad, calls), world(), grid_inputs(), enough).new_failures, 40);
}

// ---- shapes that nobody learns

/// n -> x[i] (a generator that fails when n is 3) -> y[i] -> s; w[j] needs all of x.
Pipeline generator(Calls& calls) {
  return {function("x",
                   [&calls](int n) {
                     ++calls.y;
                     if (n == 3) throw std::runtime_error("three");
                     return std::vector<double>(static_cast<std::size_t>(n), 1.5);
                   })
              .parameters("n")
              .mapspec("... -> x[i]"),
          function("y",
                   [&calls](double x) {
                     ++calls.z;
                     return x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]"),
          function("s",
                   [&calls](ArrayView<const double> y) {
                     ++calls.r;
                     return sum(y);
                   })
              .parameters("y"),
          function("w",
                   [&calls](ArrayView<const double> x, double v) {
                     ++calls.t;
                     return v + sum(x);
                   })
              .parameters("x", "v")
              .mapspec("x[:], v[j] -> w[j]"),
          function("free", [](double v) { return v; }).parameters("v").mapspec("v[j] -> free[j]")};
}

TEST_F(MapContinue, AGeneratorThatFailsBlocksEverythingThatNeedsIt) {
  for (const char* storage : {"", "memory", "hdf5"}) {
    Calls calls;
    MapOptions options{.error_handling = "continue"};
    if (*storage != '\0') {
      options.run_folder = folder_ / storage;
      options.storage = {{"", storage}};
    }
    const Inputs inputs{{"n", 3}, {"v", {1.0, 2.0}}};
    for (const bool resume : {false, true}) {
      if (resume && *storage == '\0') continue;
      options.resume = resume;
      const Results results = map(generator(calls), world(), inputs, options);
      EXPECT_EQ(results.at("x").state(0), ValueState::failed);
      EXPECT_EQ(results.at("y").blocked, (RangeSet{{0, 1}})) << "one that stands for all";
      EXPECT_FALSE(is_known(results.at("y").layout.shape));
      EXPECT_EQ(results.at("s").state(0), ValueState::blocked_by_array);
      EXPECT_EQ(results.at("w").blocked, (RangeSet{{0, 2}}));
      EXPECT_EQ(results.at("w").state(1), ValueState::blocked_by_value);
      EXPECT_EQ(results.at("free").done, (RangeSet{{0, 2}}));
      EXPECT_TRUE(results.at("y").states().empty());
      EXPECT_EQ(results.failed_elements, 1);
      const auto causes = results.root_causes("s", 0);
      ASSERT_EQ(causes.size(), 1U);
      EXPECT_EQ(causes[0].output, "x");
      EXPECT_EQ(calls.everywhere(calls.y), 1);
      EXPECT_EQ(calls.everywhere(calls.z) + calls.everywhere(calls.r) + calls.everywhere(calls.t), 0);
      if (world().is_root() && *storage != '\0') {
        EXPECT_EQ(verify_run_store(options.run_folder), std::vector<std::string>());
        RunReader reader(options.run_folder);
        EXPECT_EQ(reader.progress(*reader.find("x")).failed(), (RangeSet{{0, 1}}));
        EXPECT_EQ(reader.progress(*reader.find("w")).blocked(), (RangeSet{{0, 2}}));
      }
    }
  }
}

/// x[i] -> y[i, j] fails for the numbers in `bad`, then z[i, j] and the rows r[i] of it.
Pipeline internal_axis(std::vector<double> bad) {
  return {function("y",
                   [bad](double x) {
                     for (const double each : bad)
                       if (each == x) throw std::runtime_error("bad");
                     return std::vector<double>{x, 2 * x, 3 * x};
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i, j]"),
          function("z", [](double y) { return y + 1; }).parameters("y").mapspec("y[i, j] -> z[i, j]"),
          function("r", sum).parameters("z").mapspec("z[i, :] -> r[i]"),
          function("c", sum).parameters("z").mapspec("z[:, j] -> c[j]")};
}

TEST_F(MapContinue, AnElementWithInternalAxesFailsAsAWhole) {
  const Inputs inputs{{"x", {1.0, 2.0, 3.0}}};
  const Results results = map(internal_axis({2}), world(), inputs, go_on());
  EXPECT_EQ(results.at("y").failed, (RangeSet{{1, 2}}));
  EXPECT_EQ(results.at("z").blocked, (RangeSet{{3, 6}}));
  EXPECT_EQ(results.at("z").state(4), ValueState::blocked_by_value);
  EXPECT_EQ(results.at("r").blocked_by_array, (RangeSet{{1, 2}}));
  EXPECT_EQ(results.at("c").blocked, (RangeSet{{0, 3}}));
  const auto states = results.at("y").states();
  EXPECT_EQ(std::count(states.begin(), states.end(), ValueState::failed), 3);
  EXPECT_EQ(results.root_causes("c", 2).size(), 1U);
  if (world().is_root()) {
    EXPECT_EQ(results.at("r").value.as<std::vector<double>>()[2], 3 + 6 + 9 + 3);
  }

  // All of them fail, so nobody learns how long they are; a later start does.
  MapOptions options = go_on();
  options.overwrite = true;
  const Results none = map(internal_axis({1, 2, 3}), world(), inputs, options);
  EXPECT_EQ(none.at("y").failed, (RangeSet{{0, 3}}));
  EXPECT_EQ(none.at("z").blocked, (RangeSet{{0, 1}}));
  EXPECT_EQ(none.at("r").blocked, (RangeSet{{0, 3}}));
  EXPECT_EQ(none.at("c").blocked, (RangeSet{{0, 1}}));
  EXPECT_EQ(none.failed_elements, 3);
  options = go_on(true);
  options.retry_failed = true;
  const Results later = map(internal_axis({}), world(), inputs, options);
  EXPECT_EQ(later.failed_elements, 0);
  if (!world().is_root()) return;
  EXPECT_EQ(later.value("c").as<std::vector<double>>(), (std::vector<double>{9, 15, 21}));
  EXPECT_EQ(verify_run_store(folder_ / "run"), std::vector<std::string>());
}

TEST_F(MapContinue, ElementsOfAnySizeFailToo) {
  const Pipeline pipeline{function("t",
                                   [](int x) {
                                     if (x % 4 == 1) throw std::runtime_error("no text");
                                     return std::string(static_cast<std::size_t>(x), 'x');
                                   })
                              .parameters("x")
                              .mapspec("x[i] -> t[i]"),
                          function("n", [](const std::string& t) { return static_cast<int>(t.size()); })
                              .parameters("t")
                              .mapspec("t[i] -> n[i]")};
  std::vector<int> numbers(20);
  for (int k = 0; k < 20; ++k) numbers[static_cast<std::size_t>(k)] = k;
  const Results results = map(pipeline, world(), {{"x", numbers}}, go_on());
  EXPECT_EQ(results.failed_elements, 5);
  EXPECT_EQ(results.at("n").blocked, results.at("t").failed);
  if (!world().is_root()) return;
  EXPECT_EQ(results.at("n").value.as<std::vector<int>>()[19], 19);
  EXPECT_EQ(verify_run_store(folder_ / "run"), std::vector<std::string>());
  RunReader reader(folder_ / "run");
  EXPECT_EQ(reader.progress(*reader.find("t")).failed(), results.at("t").failed);
}

TEST_F(MapContinue, RetriesComeBeforeFailures) {
  for (const char* handling : {"raise", "continue"}) {
    std::atomic<int> tries{0};
    const Pipeline pipeline{function("y",
                                     [&tries](double x) {
                                       if (x == 5 && ++tries < 3) throw std::runtime_error("not yet");
                                       return x;
                                     })
                                .parameters("x")
                                .mapspec("x[i] -> y[i]")};
    const Results results =
        map(pipeline, world(), {{"x", linspace(0, 9, 10)}}, {.error_handling = handling, .retries = 2});
    EXPECT_EQ(results.failed_elements, 0);
    EXPECT_EQ(results.functions.at("y").calls, 12);
  }
}

TEST(MapRaise, TellsTheFirstOfTheElementsThatFailed) {
  for (const Index block : {1, 3, 50}) {
    const Pipeline pipeline{function("y",
                                     [](double x) {
                                       if (x >= 20) throw std::runtime_error("too large");
                                       return x;
                                     })
                                .parameters("x")
                                .mapspec("x[i] -> y[i]")};
    try {
      map(pipeline, world(), {{"x", linspace(0, 49, 50)}}, {.chunksizes = {{"", block}}});
      ADD_FAILURE() << "it went on";
    } catch (const FunctionError& error) {
      EXPECT_EQ(error.failures().front().index, (MultiIndex{error.failures().front().element}));
      for (const Failure& failure : error.failures())
        EXPECT_GE(failure.element, error.failures().front().element);
      EXPECT_EQ(error.partial().at("y").failed.count(), static_cast<Index>(error.failures().size()));
      if (world().size() == 1) {
        EXPECT_EQ(error.failures().front().element, 20);
      }
    }
  }
}

}  // namespace
}  // namespace mpipe
