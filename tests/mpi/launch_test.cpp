// SPDX-License-Identifier: BSD-3-Clause
// Several maps at once, on any number of ranks.
#include <mpipe/mpipe.hpp>
#include <mpipe/store/run_reader.hpp>

#include "mpi/shared_folder.hpp"
#include "mpi/world.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

namespace mpipe {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::error_message;
using test::world;
using namespace std::chrono_literals;

class LaunchMaps : public test::SharedFolderTest {};

const AsyncOptions kLater{.start = false, .name = {}};

AsyncOptions later(const std::string& name) { return {.start = false, .name = name}; }

Pipeline squares() {
  return {function("y", [](double x) { return x * x; }).parameters("x").mapspec("x[i] -> y[i]"),
          function("sum", [](ArrayView<const double> y) {
            double sum = 0;
            for (const double value : y) sum += value;
            return sum;
          }).parameters("y")};
}

Pipeline words() {
  return {function("word", [](std::int64_t n) { return std::string(static_cast<std::size_t>(n), 'w'); })
              .parameters("n")
              .mapspec("n[i] -> word[i]"),
          function("length", [](const std::string& word) { return static_cast<std::int64_t>(word.size()); })
              .parameters("word")
              .mapspec("word[i] -> length[i]")};
}

/// A shape that shows while it runs.
Pipeline grows() {
  return {
      function("items", [](std::int64_t n) { return std::vector<double>(static_cast<std::size_t>(n), 0.5); })
          .parameters("n")
          .mapspec("... -> items[k]"),
      function("twice", [](double item) { return 2 * item; })
          .parameters("items")
          .mapspec("items[k] -> twice[k]")};
}

/// Fails at `x == bad`.
Pipeline fragile(double bad) {
  return {function("y",
                   [bad](double x) {
                     if (x == bad) throw std::runtime_error("bad x");
                     return 2 * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

/// Every element takes a while.
Pipeline slow(std::chrono::milliseconds time) {
  return {function("y",
                   [time](double x) {
                     std::this_thread::sleep_for(time);
                     return 2 * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

TEST_F(LaunchMaps, GivesWhatMapGivesInTheOrderOfTheArguments) {
  const Inputs three{{"x", linspace(0, 2, 3)}};
  const Inputs many{{"x", linspace(0, 999, 1000)}};
  const Inputs lengths{{"n", std::vector<std::int64_t>{0, 3, 70000}}};
  const Inputs seven{{"n", std::int64_t{7}}};
  std::vector<AsyncMap> runs{squares().map_async(world(), many, {}, later("many")),
                             words().map_async(world(), lengths, {}, later("words")),
                             grows().map_async(world(), seven, {.run_folder = folder_ / "grows"}, kLater),
                             squares().map_async(world(), three, {}, later("three"))};
  EXPECT_FALSE(runs[0].started());
  const std::vector<MapOutcome> outcomes = gather_maps(world(), runs, {.max_concurrent = 3});
  ASSERT_EQ(outcomes.size(), 4u);
  EXPECT_TRUE(runs[0].started());
  EXPECT_EQ(outcomes[2].name, "grows");
  for (const MapOutcome& outcome : outcomes) {
    EXPECT_TRUE(outcome.completed()) << outcome.name;
    EXPECT_EQ(outcome.exit_code, 0);
  }
  const Results same = map(squares(), world(), many);
  if (world().is_root()) {
    EXPECT_EQ(outcomes[0].get().get<std::vector<double>>("y"), same.get<std::vector<double>>("y"));
    EXPECT_EQ(outcomes[0].get().get<double>("sum"), same.get<double>("sum"));
    EXPECT_EQ(outcomes[1].get().get<std::vector<std::string>>("word")[2], std::string(70000, 'w'));
    EXPECT_EQ(outcomes[1].get().get<std::vector<std::int64_t>>("length"),
              (std::vector<std::int64_t>{0, 3, 70000}));
    EXPECT_EQ(outcomes[2].get().get<std::vector<double>>("twice"), std::vector<double>(7, 1.0));
    EXPECT_EQ(outcomes[2].get().resolved_shapes.at("items"), (PartialShape{7}));
    EXPECT_EQ(outcomes[2].get().planned_shapes.at("items"), (PartialShape{std::nullopt}));
    EXPECT_EQ(outcomes[3].get().get<double>("sum"), 5);
    EXPECT_EQ(outcomes[3].get().functions.at("y").calls, 3);
    EXPECT_EQ(runs[3].result().get<double>("sum"), 5);
    EXPECT_EQ(verify_run_store(folder_ / "grows"), std::vector<std::string>());
  } else {
    EXPECT_EQ(outcomes[0].results, nullptr);
    EXPECT_TRUE(contains(error_message(Category::missing_input, [&] { outcomes[0].get(); }), "rank 0"));
  }
}

/// Makes a file of its own, and waits for the one of the other run: both compute at the same time.
Pipeline meeting(const fs::path& mine, const fs::path& other, bool waits) {
  return {function("y",
                   [mine, other, waits](double x) {
                     std::ofstream{mine};
                     for (int k = 0; waits && !fs::exists(other); ++k) {
                       if (k > 6000) throw std::runtime_error("the other run did not come");
                       std::this_thread::sleep_for(5ms);
                     }
                     return 3 * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

TEST_F(LaunchMaps, TwoRunsComputeAndWriteTheirFilesAtTheSameTime) {
  const bool waits = world().size() > 2;
  const Inputs inputs{{"x", linspace(0, 19999, 20000)}};
  const auto options = [&](const char* name) {
    return MapOptions{.run_folder = folder_ / name, .chunksizes = {{"", 500}}};
  };
  const std::vector<AsyncMap> runs{
      meeting(folder_ / "a", folder_ / "b", waits).map_async(world(), inputs, options("one"), kLater),
      meeting(folder_ / "b", folder_ / "a", waits).map_async(world(), inputs, options("two"), kLater)};
  const auto outcomes = gather_maps(world(), runs, {.max_concurrent = 2});
  for (const MapOutcome& outcome : outcomes) EXPECT_TRUE(outcome.completed()) << outcome.error->what();
  if (!world().is_root()) return;
  for (const char* name : {"one", "two"}) {
    EXPECT_EQ(verify_run_store(folder_ / name), std::vector<std::string>());
    RunReader reader(folder_ / name);
    EXPECT_TRUE(reader.complete());
    EXPECT_EQ(reader.read_all(*reader.find("y")).as<std::vector<double>>()[19999], 59997);
    const RunStatus status = read_status(folder_ / name);
    EXPECT_EQ(status.state, RunState::completed);
    EXPECT_EQ(status.exit_code, 0);
    EXPECT_EQ(status.outputs.at(0).done, 20000);
  }
}

TEST_F(LaunchMaps, AFailingRunDoesNotDisturbTheOthers) {
  const Inputs inputs{{"x", linspace(0, 99, 100)}};
  const auto options = [&](const char* name, const char* handling) {
    return MapOptions{.run_folder = folder_ / name, .chunksizes = {{"", 1}}, .error_handling = handling};
  };
  const std::vector<AsyncMap> runs{
      fragile(-1).map_async(world(), inputs, options("good", "raise"), kLater),
      fragile(5).map_async(world(), inputs, options("raises", "raise"), kLater),
      fragile(7).map_async(world(), inputs, options("continues", "continue"), kLater),
      squares().map_async(world(), inputs, options("also_good", "raise"), kLater)};
  const auto outcomes = gather_maps(world(), runs, {.max_concurrent = 2});
  EXPECT_TRUE(outcomes[0].completed());
  EXPECT_EQ(outcomes[1].state, RunState::failed);
  EXPECT_EQ(outcomes[1].exit_code, 1);
  ASSERT_NE(outcomes[1].error, nullptr);
  EXPECT_TRUE(contains(outcomes[1].error->what(), "bad x"));
  EXPECT_TRUE(contains(outcomes[1].error->what(), "y[5]"));
  EXPECT_TRUE(outcomes[2].completed());
  EXPECT_EQ(outcomes[2].exit_code, 1);
  EXPECT_TRUE(outcomes[3].completed());
  if (!world().is_root()) {
    EXPECT_THROW(outcomes[1].get(), Error);
    return;
  }
  try {
    outcomes[1].get();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const FunctionError& error) {
    EXPECT_EQ(error.failures().front().element, 5);
    EXPECT_FALSE(error.partial().at("y").done.contains(5));
  }
  EXPECT_EQ(outcomes[2].get().at("y").failed, (RangeSet{{7, 8}}));
  EXPECT_EQ(outcomes[2].get().failures.at(0).element, 7);
  EXPECT_EQ(outcomes[3].get().get<double>("sum"), 328350);
  EXPECT_EQ(read_status(folder_ / "raises").state, RunState::failed);
  EXPECT_EQ(read_status(folder_ / "raises").exit_code, 1);
  EXPECT_EQ(read_status(folder_ / "continues").exit_code, 1);
  EXPECT_EQ(verify_run_store(folder_ / "raises"), std::vector<std::string>());
}

TEST_F(LaunchMaps, ARunThatCannotEvenStartDoesNotDisturbTheOthers) {
  const Inputs inputs{{"x", linspace(0, 9, 10)}};
  map(fragile(-1), world(), inputs, {.run_folder = folder_ / "there"});
  const Inputs others{{"x", linspace(0, 19, 20)}};
  const std::vector<AsyncMap> runs{
      fragile(-1).map_async(world(), others, {.run_folder = folder_ / "there", .resume = true}, kLater),
      squares().map_async(world(), inputs, {.run_folder = folder_ / "new", .resume = true}, kLater)};
  const auto outcomes = gather_maps(world(), runs, {.max_concurrent = 2});
  EXPECT_EQ(outcomes[0].state, RunState::failed);
  EXPECT_EQ(outcomes[0].exit_code, 3);
  ASSERT_NE(outcomes[0].error, nullptr);
  EXPECT_EQ(outcomes[0].error->category(), Category::resume_mismatch);
  EXPECT_EQ(outcomes[0].results, nullptr);
  EXPECT_TRUE(outcomes[1].completed());
  if (world().is_root()) {
    EXPECT_EQ(RunReader(folder_ / "there").outputs().front().shape, (PartialShape{10}));
  }
}

TEST_F(LaunchMaps, RefusesUpFrontWhatCannotGoWell) {
  const Inputs inputs{{"x", linspace(0, 9, 10)}};
  const auto run_in = [&](const fs::path& folder) {
    return squares().map_async(world(), inputs, {.run_folder = folder}, kLater);
  };
  const auto refused = [&](const std::vector<AsyncMap>& runs, Category category, const char* why) {
    EXPECT_TRUE(
        contains(error_message(category, [&] { launch_maps(world(), runs, {.max_concurrent = 2}); }), why));
  };
  refused({}, Category::bad_option, "no runs");
  refused({run_in(folder_ / "a"), run_in(folder_ / "b" / ".." / "a")}, Category::bad_option,
          "same run folder");
  refused({run_in(folder_ / "a"), run_in(folder_ / "a" / "b")}, Category::bad_option, "lies in the other");
  if (world().is_root()) fs::create_directory_symlink(folder_, folder_ / "link");
  world().barrier();
  refused({run_in(folder_ / "link" / "a"), run_in(folder_ / "a")}, Category::bad_option, "same run folder");
  const AsyncMap once = run_in(folder_ / "a");
  refused({once, once}, Category::bad_option, "twice");
  EXPECT_THROW(launch_maps(world(), {once}, {.max_concurrent = 0}), Error);
  if (world().is_root()) {
    fs::create_directory(folder_ / "foreign");
    std::ofstream(folder_ / "foreign" / "thesis.tex") << "x";
  }
  world().barrier();
  error_message(Category::folder_refused, [&] { run_in(folder_ / "foreign"); });
  error_message(Category::missing_input, [&] { squares().map_async(world(), {}, {}, kLater); });
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  EXPECT_FALSE(fs::exists(folder_ / "b"));
  const std::vector<AsyncMap> again{once};
  EXPECT_TRUE(gather_maps(world(), again).at(0).completed());
  refused(again, Category::bad_option, "started already");
}

TEST_F(LaunchMaps, ChecksAllBeforeItCreatesAnything) {
  const Inputs inputs{{"x", linspace(0, 9, 10)}};
  const std::vector<AsyncMap> runs{
      squares().map_async(world(), inputs, {.run_folder = folder_ / "a"}, kLater),
      squares().map_async(world(), inputs, {.run_folder = folder_ / "b"}, kLater)};
  world().barrier();
  if (world().is_root()) std::ofstream(folder_ / "b") << "a file by now";
  world().barrier();
  EXPECT_TRUE(
      contains(error_message(Category::folder_refused, [&] { launch_maps(world(), runs); }), "run 'b'"));
  EXPECT_FALSE(fs::exists(folder_ / "a"));
}

/// Writes down, in one file of all, which run was computing.
Pipeline signing(const fs::path& file, char sign) {
  return {function("y",
                   [file, sign](double x) {
                     std::ofstream(file, std::ios::app) << sign << std::flush;
                     return x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

TEST_F(LaunchMaps, OneAtATimeIsStrictlyInOrder) {
  const Inputs inputs{{"x", linspace(0, 9, 10)}};
  std::vector<AsyncMap> runs;
  for (const char sign : {'a', 'b', 'c'})
    runs.push_back(signing(folder_ / "log", sign)
                       .map_async(world(), inputs, {.chunksizes = {{"", 1}}}, later(std::string(1, sign))));
  for (const MapOutcome& outcome : gather_maps(world(), runs, {.max_concurrent = 1})) {
    EXPECT_TRUE(outcome.completed());
    if (world().is_root()) {
      EXPECT_EQ(outcome.get().ranks, world().size());
    }
  }
  std::string log;
  std::ifstream(folder_ / "log") >> log;
  EXPECT_EQ(log, std::string(10, 'a') + std::string(10, 'b') + std::string(10, 'c'));
}

/// Counts what it is told.
class Listener final : public RunObserver {
 public:
  void on_start(const Plan&, const MachineInfo& machine, const std::vector<ElementCounts>&) override {
    ranks = machine.ranks;
  }
  void on_progress(FunctionId, const ElementCounts& counts, TimePoint) override {
    done += counts.done;
    failed += counts.failed;
  }
  void on_failure(const Failure& failure) override { failures.push_back(failure.element); }
  void on_end(const std::string& state, const std::string&) override { ended += state; }
  int ranks = 0;
  Index done = 0;
  Index failed = 0;
  std::vector<Index> failures;
  std::string ended;
};

TEST_F(LaunchMaps, ObserversOfRank0HearOfTheirRuns) {
  const auto good = std::make_shared<Listener>();
  const auto bad = std::make_shared<Listener>();
  const std::vector<AsyncMap> runs{
      squares().map_async(world(), {{"x", linspace(0, 99, 100)}}, {.observer = good}, kLater),
      fragile(3).map_async(world(), {{"x", linspace(0, 9, 10)}},
                           {.error_handling = "continue", .observer = bad}, kLater)};
  LaunchedMaps launched = launch_maps(world(), runs, {.max_concurrent = 2});
  while (!launched.done()) std::this_thread::sleep_for(1ms);
  if (!world().is_root()) return;
  EXPECT_EQ(good->done, 101);
  EXPECT_EQ(good->ended, "completed");
  EXPECT_EQ(bad->done, 9);
  EXPECT_EQ(bad->failed, 1);
  EXPECT_EQ(bad->failures, std::vector<Index>{3});
  EXPECT_EQ(bad->ended, "completed");
  const int subgroups = std::min(2, world().size() - 1);
  const int ranks = good->ranks + bad->ranks;
  EXPECT_EQ(ranks, subgroups < 2 ? 2 * world().size() : world().size() - 1);
  EXPECT_EQ(launched.status(0).state, RunState::completed);
  EXPECT_EQ(launched.status(0).progress_fraction(), 1);
}

TEST_F(LaunchMaps, CancelDropsWhatWaitsAndEndsWhatRuns) {
  const Inputs inputs{{"x", linspace(0, 1999, 2000)}};
  const MapOptions options{.run_folder = folder_ / "running", .chunksizes = {{"", 1}}};
  const std::vector<AsyncMap> runs{
      slow(20ms).map_async(world(), inputs, options, kLater),
      squares().map_async(world(), inputs, {.run_folder = folder_ / "w"}, kLater)};
  LaunchedMaps launched = launch_maps(world(), runs, {.max_concurrent = 1, .keep_rank0_free = true});
  const bool alone = world().size() == 1;
  if (world().is_root() && !alone)
    while (launched.status(0).outputs.empty() || launched.status(0).outputs[0].done == 0)
      std::this_thread::sleep_for(1ms);
  launched.cancel();
  const auto outcomes = launched.gather();
  EXPECT_EQ(outcomes[0].state, RunState::cancelled);
  EXPECT_EQ(outcomes[0].exit_code, 75);
  EXPECT_EQ(outcomes[1].state, RunState::cancelled);
  EXPECT_FALSE(fs::exists(folder_ / "w"));
  if (alone) return;
  if (world().is_root()) {
    EXPECT_EQ(outcomes[1].results, nullptr);
    const RangeSet& done = outcomes[0].results->at("y").done;
    EXPECT_GE(done.count(), 1);
    EXPECT_LT(done.count(), 2000);
    EXPECT_EQ(read_status(folder_ / "running").state, RunState::cancelled);
    EXPECT_EQ(verify_run_store(folder_ / "running"), std::vector<std::string>());
  }
  const Index kept =
      world().broadcast_value(world().is_root() ? outcomes[0].results->at("y").done.count() : 0);
  MapOptions resumed = options;
  resumed.resume = true;
  resumed.chunksizes = {};
  const Results results = map(slow(0ms), world(), inputs, resumed);
  EXPECT_EQ(results.functions.at("y").calls, 2000 - kept);
}

TEST_F(LaunchMaps, AHandleThatIsLeftCancels) {
  const Inputs inputs{{"x", linspace(0, 1999, 2000)}};
  std::vector<AsyncMap> runs{slow(20ms).map_async(world(), inputs, {.chunksizes = {{"", 1}}}, later("left"))};
  { const LaunchedMaps launched = launch_maps(world(), runs, {.keep_rank0_free = true}); }
  EXPECT_EQ(runs[0].status().state, RunState::cancelled);
  EXPECT_TRUE(runs[0].done());
}

TEST_F(LaunchMaps, MapAsyncLeavesRank0Free) {
  const Inputs inputs{{"x", linspace(0, 99, 100)}};
  AsyncMap run = squares().map_async(world(), inputs, {}, {});
  EXPECT_TRUE(run.started());
  if (world().is_root()) {
    EXPECT_EQ(run.result().get<double>("sum"), 328350);
    EXPECT_EQ(run.result().ranks, std::max(1, world().size() - 1));
  }
  AsyncMap waiting = squares().map_async(world(), inputs, {}, kLater);
  EXPECT_FALSE(waiting.done());
  EXPECT_EQ(waiting.status().state, RunState::pending);
  waiting.start();
  EXPECT_THROW(waiting.start(), Error);
  if (world().is_root()) {
    EXPECT_EQ(waiting.result().get<double>("sum"), 328350);
  }
}

/// Several waves with arrays of all kinds between them; the first one lasts until `file` is there.
Pipeline waves(const fs::path& file, double bad = -1) {
  return {function("y",
                   [file](double x) {
                     for (int k = 0; !fs::exists(file) && k < 4000; ++k) std::this_thread::sleep_for(5ms);
                     std::this_thread::sleep_for(200ms);
                     return x + 1;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]"),
          function("word", [](double x) { return std::string(static_cast<std::size_t>(x), 'z'); })
              .parameters("x")
              .mapspec("x[i] -> word[i]"),
          function("items", [](double x) { return std::vector<double>(3, x); })
              .parameters("x")
              .mapspec("x[i] -> items[i, k]"),
          function("z",
                   [bad](ArrayView<const double> y, double w) {
                     if (w == bad) throw std::runtime_error("bad w");
                     double sum = w;
                     for (const double each : y) sum += each;
                     return sum;
                   })
              .parameters("y", "w")
              .mapspec("w[j] -> z[j]"),
          function("s",
                   [](ArrayView<const double> z, ArrayView<const double> items) {
                     double sum = 0;
                     for (const double each : z) sum += each;
                     for (const double each : items) sum += each;
                     return sum;
                   })
              .parameters("z", "items"),
          function("last", [](double s, const std::string& word) { return word + std::to_string(s); })
              .parameters("s", "word")
              .mapspec("word[i] -> last[i]")};
}

/// Makes a file when its run is over, on rank 0.
class Signal final : public RunObserver {
 public:
  explicit Signal(fs::path file) : file_(std::move(file)) {}
  void on_end(const std::string&, const std::string&) override { std::ofstream{file_}; }

 private:
  fs::path file_;
};

const Inputs& wave_inputs() {
  static const Inputs inputs{{"x", linspace(0, 2, 3)}, {"w", linspace(0, 99, 100)}};
  return inputs;
}

std::vector<AsyncMap> one_short_and_one_of_waves(const fs::path& folder, const MapOptions& options,
                                                 double bad) {
  return {squares().map_async(world(), {{"x", linspace(0, 9, 10)}},
                              {.observer = std::make_shared<Signal>(folder / "over")}, later("short")),
          waves(folder / "over", bad).map_async(world(), wave_inputs(), options, later("waves"))};
}

TEST_F(LaunchMaps, IdleRanksJoinRunsThatGoOn) {
  for (const char* storage : {"", "hdf5", "memory", "file"}) {
    SCOPED_TRACE(storage);
    MapOptions options;
    if (*storage != 0) options = {.run_folder = folder_ / storage, .storage = {{"", storage}}};
    const auto outcomes =
        gather_maps(world(), one_short_and_one_of_waves(folder_, options, -1), {.max_concurrent = 2});
    for (const MapOutcome& outcome : outcomes)
      ASSERT_TRUE(outcome.completed()) << outcome.name << ": " << outcome.error->what();
    const Results same = map(waves(folder_ / "over"), world(), wave_inputs());
    if (world().is_root()) {
      const Results& results = outcomes[1].get();
      EXPECT_EQ(results.ranks, world().size() > 2 ? world().size() - 1 : world().size());
      EXPECT_EQ(results.get<std::vector<double>>("z"), same.get<std::vector<double>>("z"));
      EXPECT_EQ(results.get<double>("s"), same.get<double>("s"));
      EXPECT_EQ(results.get<std::vector<std::string>>("last"), same.get<std::vector<std::string>>("last"));
      EXPECT_EQ(results.get<std::vector<std::string>>("word"), same.get<std::vector<std::string>>("word"));
      for (const auto& [name, calls] : {std::pair("y", 3), {"z", 100}, {"s", 1}, {"last", 3}, {"items", 3}})
        EXPECT_EQ(results.functions.at(name).calls, calls) << name;
      EXPECT_EQ(results.resolved_shapes, same.resolved_shapes);
      EXPECT_EQ(results.planned_shapes, same.planned_shapes);
      EXPECT_LE(results.busy_workers, 1.01);
      if (*storage != 0) {
        EXPECT_EQ(verify_run_store(folder_ / storage), std::vector<std::string>());
        EXPECT_EQ(read_status(folder_ / storage).state, RunState::completed);
      }
      fs::remove(folder_ / "over");
    }
    world().barrier();
  }
}

TEST_F(LaunchMaps, FailuresAreThoseOfTheRunWhoeverJoinsIt) {
  for (const char* handling : {"raise", "continue"}) {
    SCOPED_TRACE(handling);
    const MapOptions options{.run_folder = folder_ / handling, .error_handling = handling};
    const auto outcomes =
        gather_maps(world(), one_short_and_one_of_waves(folder_, options, 42), {.max_concurrent = 2});
    EXPECT_EQ(outcomes[1].exit_code, 1);
    if (world().is_root()) {
      ASSERT_NE(outcomes[1].results, nullptr);
      EXPECT_EQ(outcomes[1].results->at("z").failed.contains(42), true);
      EXPECT_EQ(outcomes[1].results->at("y").done.count(), 3);
      EXPECT_EQ(verify_run_store(folder_ / handling), std::vector<std::string>());
      fs::remove(folder_ / "over");
    }
    world().barrier();
  }
}

TEST_F(LaunchMaps, ChunkSizesMayBeFunctions) {
  const Inputs inputs{{"x", linspace(0, 99, 100)}};
  std::vector<AsyncMap> runs;
  for (const char* name : {"a", "b"})
    runs.push_back(fragile(-1).map_async(
        world(), inputs, {.chunksizes = {{"y", [](Index todo) { return todo / 2; }}}}, later(name)));
  for (const MapOutcome& outcome : gather_maps(world(), runs, {.max_concurrent = 2}))
    EXPECT_TRUE(outcome.completed());
}

TEST_F(LaunchMaps, TellsWhoLeadsARun) {
  const Inputs inputs{{"x", linspace(0, 9, 10)}};
  std::vector<AsyncMap> runs;
  for (const char* name : {"a", "b", "c"})
    runs.push_back(squares().map_async(world(), inputs, {.run_folder = folder_ / name}, kLater));
  std::int64_t begun = 0;
  std::int64_t ended = 0;
  LaunchOptions options{.max_concurrent = 2};
  options.on_lead = [&](std::size_t, const std::shared_ptr<StatusWriter>& status) {
    ++(status ? begun : ended);
  };
  gather_maps(world(), runs, options);
  EXPECT_EQ(begun, ended);
  EXPECT_EQ(world().all_reduce(begun, ReduceOp::sum), 3);
}

TEST_F(LaunchMaps, RanksThatBringDifferentRunsAreRefused) {
  if (world().size() == 1) return;
  const Inputs inputs{{"x", linspace(0, 9, 10)}};
  std::vector<AsyncMap> runs{squares().map_async(world(), inputs, {}, later("a"))};
  if (world().rank() == 1) runs.clear();
  EXPECT_TRUE(
      contains(error_message(Category::bad_option, [&] { launch_maps(world(), runs); }), "different runs"));
}

}  // namespace
}  // namespace mpipe
