// SPDX-License-Identifier: BSD-3-Clause
// Who hears of calls and blocks: hooks where a function is called, observers on rank 0; executors of one's
// own.
#include <mpipe/mpipe.hpp>

#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <stdexcept>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::world;

double add(double x, double y) { return x + y; }

Inputs grid() { return {{"x", linspace(0, 4, 5)}, {"y", linspace(0, 9, 10)}}; }

Function sums() { return function("z", add).parameters("x", "y").mapspec("x[i], y[j] -> z[i, j]"); }

TEST(Hooks, AreCalledOnceForEachElementWhereItIsComputed) {
  for (const char* executor : {"", "sequential", "threads:3"}) {
    std::atomic<std::int64_t> calls = 0;
    std::atomic<std::int64_t> wrong = 0;
    const Pipeline pipeline{sums().thread_safe().post_execution_hook([&](const FinishedCall& call) {
      ++calls;
      if (call.result<double>() != call.argument<double>("x") + call.argument<double>("y") ||
          call.index != MultiIndex{call.element / 10, call.element % 10})
        ++wrong;
    })};
    MapOptions options;
    if (*executor != '\0') options.executor = {{"", executor}};
    const Results results = map(pipeline, world(), grid(), options);
    EXPECT_EQ(world().all_reduce(calls.load(), ReduceOp::sum), 50) << executor;
    EXPECT_EQ(wrong, 0);
    if (*executor != '\0' && !world().is_root()) {
      EXPECT_EQ(calls, 0);
    }
    if (world().is_root()) {
      EXPECT_EQ(results.get<Array<double>>("z")[49], 13.0);
    }
  }
}

TEST(Hooks, ThatThrowFailTheirElement) {
  const Pipeline pipeline{sums().post_execution_hook([](const FinishedCall& call) {
    if (call.element == 17) throw std::domain_error("out of the range of the model");
  })};
  MapOptions options;
  options.error_handling = "continue";
  const Results results = map(pipeline, world(), grid(), options);
  EXPECT_EQ(results.at("z").failed, (RangeSet{IndexRange{17, 18}}));
  EXPECT_EQ(results.at("z").done.count(), 49);
  ASSERT_EQ(results.failures.size(), 1u);
  EXPECT_TRUE(contains(results.failures[0].message, "out of the range"));
  options.error_handling = "raise";
  EXPECT_THROW(map(pipeline, world(), grid(), options), FunctionError);
}

TEST(Hooks, AreNotCalledForResultsFromTheCache) {
  std::int64_t calls = 0;
  const Pipeline pipeline{function("y", [](double x) { return 2 * x; })
                              .parameters("x")
                              .mapspec("x[i] -> y[i]")
                              .cache(10)
                              .post_execution_hook([&](const FinishedCall&) { ++calls; })};
  MapOptions options;
  options.executor = {{"", "sequential"}};
  map(pipeline, world(), {{"x", {1.0, 1.0, 2.0, 1.0}}}, options);
  EXPECT_EQ(calls, world().is_root() ? 2 : 0);
}

/// Adds up what it hears.
class Counts final : public RunObserver {
 public:
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint) override {
    assigned_[worker.rank] += block.range.size();
    executors_[worker.executor] += 1;
  }
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint) override {
    EXPECT_LE(completed, block.range.size());
    EXPECT_GE(busy, Duration::zero());
    done_[worker.rank] += completed;
  }
  std::map<int, Index> assigned_;
  std::map<int, Index> done_;
  std::map<std::string, int> executors_;
};

TEST(BlockEvents, TellRankZeroWhoComputesWhat) {
  const auto counts = std::make_shared<Counts>();
  MapOptions options;
  options.observer = counts;
  options.rank0 = Rank0::schedule;
  map(Pipeline{sums()}, world(), grid(), options);
  if (!world().is_root()) return;
  Index done = 0;
  for (const auto& [rank, count] : counts->done_) {
    done += count;
    EXPECT_LT(rank, world().size());
    if (world().size() > 1) {
      EXPECT_GT(rank, 0) << "rank 0 only schedules";
    }
    EXPECT_GE(counts->assigned_[rank], count);
  }
  EXPECT_EQ(done, 50);
  EXPECT_EQ(counts->executors_.size(), 1u);
  EXPECT_TRUE(counts->executors_.contains(world().size() > 1 ? "mpi" : "sequential"));
}

/// Does at once what it is given, in the thread that polls, and counts it.
class EagerPool final : public Pool {
 public:
  EagerPool(BlockHandler& handler, const ProcessPlace& place, Index& computed)
      : handler_(handler), place_(place), computed_(computed) {}
  std::uint32_t worker_count() const override { return 1; }
  void start(WorkerId worker, const Block& block) override {
    events_.push_back({worker, compute_guarded(handler_, block, place_)});
    computed_ += block.range.size();
  }
  void retract(WorkerId, BlockId) override {}  // nothing ever waits
  std::optional<PoolEvent> poll() override {
    if (events_.empty()) return std::nullopt;
    PoolEvent event = std::move(events_.front());
    events_.erase(events_.begin());
    return event;
  }

 private:
  BlockHandler& handler_;
  ProcessPlace place_;
  Index& computed_;
  std::vector<PoolEvent> events_;
};

TEST(UserExecutors, ComputeWhatIsTheirs) {
  Index computed = 0;
  const Pipeline pipeline{
      sums(), function("w", [](double z) { return -z; }).parameters("z").mapspec("z[i, j] -> w[i, j]")};
  MapOptions options;
  options.user_executors["eager"] = {[&](BlockHandler& handler, const Clock&, const ProcessPlace& place) {
                                       return std::make_unique<EagerPool>(handler, place, computed);
                                     },
                                     false};
  options.executor = {{"z", "eager"}, {"", world().size() > 1 ? "mpi" : "sequential"}};
  const Results results = map(pipeline, world(), grid(), options);
  EXPECT_EQ(computed, world().is_root() ? 50 : 0);
  if (world().is_root()) {
    EXPECT_EQ(results.get<Array<double>>("w")[49], -13.0);
  }
}

/// Loses its queue when it is given its second block.
class BrokenPool final : public Pool {
 public:
  std::uint32_t worker_count() const override { return 2; }
  void start(WorkerId, const Block&) override {
    if (++started_ == 2) throw std::runtime_error("the queue is gone");
  }
  void retract(WorkerId, BlockId) override {}
  std::optional<PoolEvent> poll() override { return std::nullopt; }

 private:
  int started_ = 0;
};

TEST(UserExecutors, ThatThrowEndTheirRunOnAllRanks) {
  MapOptions options;
  options.user_executors["broken"] = {
      [](BlockHandler&, const Clock&, const ProcessPlace&) { return std::make_unique<BrokenPool>(); }, false};
  options.executor = {{"", "broken"}};
  options.chunksizes = {{"", 1}};
  const std::string message =
      error_message(Category::internal_error, [&] { map(Pipeline{sums()}, world(), grid(), options); });
  EXPECT_TRUE(contains(message, "while blocks were handed out: the queue is gone")) << message;
  // Of several runs, the others go on.
  const AsyncOptions later{.start = false, .name = {}};
  const auto outcomes = gather_maps(world(),
                                    {map_async(Pipeline{sums()}, world(), grid(), options, later),
                                     map_async(Pipeline{sums()}, world(), grid(), {}, later)},
                                    {.max_concurrent = 2});
  ASSERT_NE(outcomes[0].error, nullptr);
  EXPECT_TRUE(contains(outcomes[0].error->what(), "the queue is gone"));
  EXPECT_TRUE(outcomes[1].completed());
}

TEST(UserExecutors, ThatCannotBeAreRefusedOnAllRanks) {
  MapOptions options;
  options.executor = {{"", "mine"}};
  const auto message = [&](UserExecutor executor) {
    options.user_executors = {{"mine", std::move(executor)}};
    return error_message(Category::bad_option, [&] { map(Pipeline{sums()}, world(), grid(), options); });
  };
  EXPECT_TRUE(contains(message({nullptr, false}), "'mine'"));
  EXPECT_TRUE(
      contains(message({[](BlockHandler&, const Clock&, const ProcessPlace&) -> std::unique_ptr<Pool> {
                          throw std::runtime_error("no such queue");
                        },
                        false}),
               "no such queue"));
  EXPECT_TRUE(contains(message({nullptr, true}), "thread_safe"));
  options.user_executors = {{"threads", {}}};
  options.executor = {{"", "threads"}};
  EXPECT_TRUE(
      contains(error_message(Category::bad_option, [&] { map(Pipeline{sums()}, world(), grid(), options); }),
               "another"));
}

}  // namespace
}  // namespace mpipe
