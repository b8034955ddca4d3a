// SPDX-License-Identifier: BSD-3-Clause
// Several maps at once, on any number of ranks: what they give, what is refused.
#include <mpipe/store/run_reader.hpp>

#include "mpi/launch_runs.hpp"
#include "support/environment.hpp"

#include <unistd.h>

namespace mpipe {
namespace {

using namespace test;

class LaunchMaps : public SharedFolderTest {};

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

/// Fails at every `x` with the process that it fails in.
Pipeline failing_everywhere() {
  return {function("y", [](double) -> double { throw std::runtime_error(std::to_string(::getpid())); })
              .parameters("x")
              .mapspec("x[i] -> y[i]")};
}

TEST_F(LaunchMaps, FailuresNameTheRanksOfTheJob) {
  std::vector<std::int64_t> processes(static_cast<std::size_t>(world().size()), 0);
  processes[static_cast<std::size_t>(world().rank())] = ::getpid();
  world().all_reduce(processes, ReduceOp::sum);
  const MapOptions options{.chunksizes = {{"", 1}}, .error_handling = "continue"};
  std::vector<AsyncMap> runs;
  for (int k = 0; k < 2; ++k)
    runs.push_back(failing_everywhere().map_async(world(), {{"x", linspace(0, 29, 30)}}, options, kLater));
  for (const MapOutcome& outcome : gather_maps(world(), runs, {.max_concurrent = 2})) {
    if (!world().is_root()) continue;
    ASSERT_NE(outcome.results, nullptr);
    EXPECT_EQ(outcome.results->failures.size(), 30u);
    for (const Failure& failure : outcome.results->failures)
      EXPECT_EQ(std::to_string(processes.at(static_cast<std::size_t>(failure.rank))), failure.message);
  }
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

TEST_F(LaunchMaps, ResourcesAreThoseOfTheRanksThatCompute) {
  const int ranks = world().size();
  if (ranks == 1) GTEST_SKIP() << "rank 0 computes";
  Resources needs;
  needs.gpus = 2;
  const auto run = [&] {
    Pipeline pipeline{function("y", [](double x, const Resources& has) { return x * has.devices.size(); })
                          .parameters("x")
                          .mapspec("x[i] -> y[i]")
                          .resources(needs)};
    return pipeline.map_async(world(), {{"x", linspace(0, 3, 4)}}, {}, kLater);
  };
  const LaunchOptions two{.max_concurrent = 2, .keep_rank0_free = true};
  {  // rank 0, which only directs, sees no device
    const WithVariable devices("MPIPE_GPUS", world().is_root() ? "0" : std::to_string(2 * (ranks - 1)));
    for (const MapOutcome& outcome : gather_maps(world(), {run(), run()}, two)) {
      ASSERT_TRUE(outcome.completed()) << outcome.error->what();
      if (!world().is_root()) continue;
      EXPECT_EQ(outcome.get().get<std::vector<double>>("y"), (std::vector<double>{0, 2, 4, 6}));
    }
  }
  {  // what would do for all ranks together, but not for one of two subgroups
    const WithVariable devices("MPIPE_GPUS", ranks > 2 ? "2" : "1");
    const std::vector<AsyncMap> runs{run(), run()};
    const std::string message = error_message(Category::bad_option, [&] { launch_maps(world(), runs, two); });
    EXPECT_TRUE(contains(message, "run 'run': function 'y' needs 2 gpus"));
    EXPECT_FALSE(runs[0].started());
  }
}

TEST_F(LaunchMaps, RefusesTextsThatAreNoUtf8) {
  const Inputs inputs{{"x", linspace(0, 9, 10)}};
  const std::string no_text = "caf\xe9";  // in another encoding
  if (world().is_root()) {
    const double number = 1;
    std::ofstream(folder_ / no_text, std::ios::binary)
        .write(reinterpret_cast<const char*>(&number), sizeof number);
  }
  world().barrier();
  const Inputs mapped{{"x", Value::from_file(element_type<double>(), {1},
                                             FileStretch::of(folder_ / no_text, 0, sizeof(double)))}};
  MapOptions folder{.run_folder = folder_ / "a"};
  MapOptions document = folder;
  document.document = no_text;
  MapOptions other{.run_folder = folder_ / no_text / "a"};
  for (const auto& [given, options] : {std::pair(inputs, document), {inputs, other}, {mapped, folder}}) {
    const auto refused = [&](const auto& action) {
      EXPECT_TRUE(contains(error_message(Category::bad_option, action), "no valid UTF-8"));
    };
    refused([&] { squares().map_async(world(), given, options, kLater); });
    if (world().size() > 1) refused([&] { map(squares(), world(), given, options); });
  }
  EXPECT_FALSE(fs::exists(folder_ / "a"));
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

TEST_F(LaunchMaps, ChunkSizesMayBeFunctions) {
  const Inputs inputs{{"x", linspace(0, 99, 100)}};
  std::vector<AsyncMap> runs;
  for (const char* name : {"a", "b"})
    runs.push_back(fragile(-1).map_async(
        world(), inputs, {.chunksizes = {{"y", [](Index todo) { return todo / 2; }}}}, later(name)));
  for (const MapOutcome& outcome : gather_maps(world(), runs, {.max_concurrent = 2}))
    EXPECT_TRUE(outcome.completed());
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
