// SPDX-License-Identifier: BSD-3-Clause
// What the handle of launched maps, and those who watch them, are told; how they are cancelled.
#include <mpipe/store/run_reader.hpp>

#include "mpi/launch_runs.hpp"

namespace mpipe {
namespace {

using namespace test;

class LaunchHandle : public SharedFolderTest {};

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

TEST_F(LaunchHandle, ObserversOfRank0HearOfTheirRuns) {
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

/// Takes down which elements were handed out and done, and where.
class BlockListener final : public RunObserver {
 public:
  void on_start(const Plan&, const MachineInfo& machine, const std::vector<ElementCounts>&) override {
    ranks = machine.ranks;
  }
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint) override {
    if (block.stage.value == 0) assigned.insert(block.range);
    if (worker.rank < 0 || worker.rank >= world().size() || worker.executor.empty()) ++strangers;
  }
  void on_block_done(const BlockWorker&, const Block& block, Index completed, Duration busy,
                     TimePoint at) override {
    if (block.stage.value == 0) done += completed;
    if (busy < Duration::zero() || at > SteadyClock().now()) ++strangers;
  }
  int ranks = 0;
  RangeSet assigned;
  Index done = 0;
  int strangers = 0;
};

TEST_F(LaunchHandle, ObserversHearOfBlocksThatSubgroupsCompute) {
  std::vector<std::shared_ptr<BlockListener>> listeners;
  std::vector<AsyncMap> runs;
  for (int k = 0; k < 2; ++k) {
    listeners.push_back(std::make_shared<BlockListener>());
    runs.push_back(
        squares().map_async(world(), {{"x", linspace(0, 99, 100)}}, {.observer = listeners.back()}, kLater));
  }
  LaunchedMaps launched = launch_maps(world(), runs, {.max_concurrent = 2});
  launched.wait();
  if (!world().is_root()) return;
  for (const auto& listener : listeners) {
    EXPECT_EQ(listener->assigned, (RangeSet{{0, 100}}));
    EXPECT_EQ(listener->done, 100);
    EXPECT_EQ(listener->strangers, 0);
  }
}

/// What one observer throws is the end of its run only.
class NumberThrower final : public RunObserver {
 public:
  void on_progress(FunctionId, const ElementCounts&, TimePoint) override { throw 42; }
};

TEST_F(LaunchHandle, AnObserverThatThrowsAnIntEndsItsRunOnly) {
  const std::vector<AsyncMap> runs{
      squares().map_async(world(), {{"x", linspace(0, 99, 100)}},
                          {.observer = std::make_shared<NumberThrower>()}, later("watched")),
      squares().map_async(world(), {{"x", linspace(0, 99, 100)}}, {}, later("other"))};
  const std::vector<MapOutcome> outcomes = gather_maps(world(), runs, {.max_concurrent = 2});
  EXPECT_EQ(outcomes[0].state, RunState::failed);
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_TRUE(contains(outcomes[0].error->what(), "42")) << outcomes[0].error->what();
  EXPECT_TRUE(outcomes[1].completed());
}

TEST_F(LaunchHandle, ObserversHearNotes) {
  class Notes final : public RunObserver {
   public:
    void on_note(const std::string& text) override { all += text; }
    std::string all;
  };
  std::vector<std::shared_ptr<Notes>> notes;
  std::vector<AsyncMap> runs;
  for (int k = 0; k < 2; ++k) {
    notes.push_back(std::make_shared<Notes>());
    const Pipeline pipeline{function("y", [k](double x) { return x + k; })
                                .parameters("x")
                                .mapspec("x[i] -> y[i]")
                                .isolation(Isolation::process)};
    runs.push_back(
        pipeline.map_async(world(), {{"x", linspace(0, 3, 4)}}, {.observer = notes.back()}, kLater));
  }
  gather_maps(world(), runs, {.max_concurrent = 2});
  for (const auto& each : notes) {
    if (world().is_root()) {
      EXPECT_TRUE(contains(each->all, "forks of the ranks themselves")) << each->all;
    }
  }
}

TEST_F(LaunchHandle, CancelDropsWhatWaitsAndEndsWhatRuns) {
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

TEST_F(LaunchHandle, AHandleThatIsLeftCancels) {
  const Inputs inputs{{"x", linspace(0, 1999, 2000)}};
  std::vector<AsyncMap> runs{slow(20ms).map_async(world(), inputs, {.chunksizes = {{"", 1}}}, later("left"))};
  { const LaunchedMaps launched = launch_maps(world(), runs, {.keep_rank0_free = true}); }
  EXPECT_EQ(runs[0].status().state, RunState::cancelled);
  EXPECT_TRUE(runs[0].done());
}

TEST_F(LaunchHandle, MapAsyncLeavesRank0Free) {
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

TEST_F(LaunchHandle, TellsWhoLeadsARun) {
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

}  // namespace
}  // namespace mpipe
