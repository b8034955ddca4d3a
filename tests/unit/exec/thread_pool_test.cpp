// SPDX-License-Identifier: BSD-3-Clause
// Workers that are threads. Nothing here sleeps or waits for time to pass: every step waits for the one
// before.
#include "exec/api/pools.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"
#include "unit/exec/printing.hpp"

#include <mutex>
#include <semaphore>
#include <set>
#include <thread>
#include <vector>

namespace mpipe {
namespace {

using test::block_of;
using test::ManualClock;
using namespace std::chrono_literals;

// Counts each element; for several threads. Elements take as long as a slice, so that each is one.
class SharedHandler final : public BlockHandler {
 public:
  explicit SharedHandler(ManualClock& clock) : clock_(clock) {}

  BlockReport compute(const Block& block) override {
    ++inside;
    {
      const std::lock_guard lock(mutex_);
      for (Index element = block.range.begin; element < block.range.end; ++element) computed.insert(element);
      threads.insert(std::this_thread::get_id());
    }
    clock_.advance(100us);
    BlockReport report;
    report.block = block;
    report.completed = block.range.size();
    count += report.completed;
    --inside;
    return report;
  }

  std::multiset<Index> computed;
  std::set<std::thread::id> threads;
  std::atomic<Index> count{0};
  std::atomic<int> inside{0};

 private:
  ManualClock& clock_;
  std::mutex mutex_;
};

// Computes one element for each permit of the test, or without any while it is open; and tells when it comes
// to one.
class GatedHandler final : public BlockHandler {
 public:
  explicit GatedHandler(ManualClock& clock) : clock_(clock) {}

  BlockReport compute(const Block& block) override {
    arrived.release();
    if (!open) permits.acquire();
    clock_.advance(100us);
    ++slices;
    BlockReport report;
    report.block = block;
    report.completed = block.range.size();
    return report;
  }

  std::counting_semaphore<> arrived{0};
  std::counting_semaphore<> permits{0};
  std::atomic<bool> open{false};
  std::atomic<int> slices{0};

 private:
  ManualClock& clock_;
};

// Returns when there is an event: a thread that never says anything ends in CTest's time limit.
PoolEvent next_event(Pool& pool) {
  for (;;) {
    if (auto event = pool.poll()) return std::move(*event);
    pool.pause(1ms);
  }
}

TEST(ThreadPool, each_block_ends_in_one_event_and_in_order) {
  ManualClock clock;
  SharedHandler handler(clock);
  ThreadPool pool(std::vector<BlockHandler*>(4, &handler), clock, {}, 100us);
  ASSERT_EQ(pool.worker_count(), 4U);
  constexpr int blocks = 200;
  for (std::uint32_t worker = 0; worker < 4; ++worker) {
    for (int k = 0; k < blocks; ++k) {
      const BlockId id = worker * 1000U + static_cast<BlockId>(k);
      pool.start({worker}, block_of(id, static_cast<Index>(id) * 3, static_cast<Index>(id) * 3 + 3));
    }
  }
  std::vector<BlockId> next{0, 1000, 2000, 3000};
  for (int k = 0; k < 4 * blocks; ++k) {
    const PoolEvent event = next_event(pool);
    const auto& report = std::get<BlockReport>(event.what);
    EXPECT_EQ(report.block.id, next[event.worker.value]++);
    EXPECT_EQ(report.completed, 3);
    EXPECT_FALSE(report.failure.has_value());
  }
  EXPECT_FALSE(pool.poll().has_value());
  EXPECT_EQ(handler.computed.size(), 3U * 4 * blocks);
  EXPECT_EQ(std::set<Index>(handler.computed.begin(), handler.computed.end()).size(), 3U * 4 * blocks);
  EXPECT_EQ(handler.threads.size(), 4U);
  EXPECT_EQ(handler.threads.count(std::this_thread::get_id()), 0U);
}

TEST(ThreadPool, has_no_other_workers) {
  ManualClock clock;
  SharedHandler handler(clock);
  ThreadPool pool({&handler}, clock, {});
  EXPECT_THROW(pool.start({1}, block_of(1, 0, 1)), Bug);
  EXPECT_THROW(pool.retract({1}, 1), Bug);
}

TEST(ThreadPool, gives_back_the_rest_of_a_running_block) {
  ManualClock clock;
  GatedHandler handler(clock);
  ThreadPool pool({&handler}, clock, {}, 100us);
  pool.start({0}, block_of(1, 10, 20));
  handler.permits.release(2);
  for (int k = 0; k < 3; ++k) handler.arrived.acquire();  // it is at element 12
  pool.retract({0}, 1);
  handler.permits.release();
  const PoolEvent first = next_event(pool);
  EXPECT_EQ(std::get<RetractedBlock>(first.what), (RetractedBlock{1, {13, 20}}));
  const PoolEvent second = next_event(pool);
  EXPECT_EQ(std::get<BlockReport>(second.what).block, block_of(1, 10, 13));
  EXPECT_EQ(std::get<BlockReport>(second.what).completed, 3);
  EXPECT_EQ(handler.slices.load(), 3);
}

TEST(ThreadPool, gives_back_a_queued_block) {
  ManualClock clock;
  GatedHandler handler(clock);
  ThreadPool pool({&handler}, clock, {}, 100us);
  pool.start({0}, block_of(1, 0, 1));
  pool.start({0}, block_of(2, 1, 5));
  pool.start({0}, block_of(3, 5, 6));
  handler.arrived.acquire();
  pool.retract({0}, 2);
  pool.retract({0}, 99);  // not known: no answer
  handler.permits.release(2);
  std::vector<BlockId> done;
  std::vector<RetractedBlock> retracted;
  for (int k = 0; k < 3; ++k) {
    const PoolEvent event = next_event(pool);
    if (const auto* report = std::get_if<BlockReport>(&event.what)) done.push_back(report->block.id);
    if (const auto* back = std::get_if<RetractedBlock>(&event.what)) retracted.push_back(*back);
  }
  EXPECT_EQ(done, (std::vector<BlockId>{1, 3}));
  EXPECT_EQ(retracted, (std::vector<RetractedBlock>{{2, {1, 5}}}));
  EXPECT_FALSE(pool.poll().has_value());
}

// While the pool is quiet nothing is computed, retracts are answered all the same, and later everything goes
// on.
TEST(ThreadPool, rests_and_goes_on) {
  ManualClock clock;
  SharedHandler handler(clock);
  ThreadPool pool({&handler, &handler, &handler}, clock, {}, 100us);
  for (int round = 0; round < 50; ++round) {
    const Index before = handler.count;
    for (std::uint32_t worker = 0; worker < 3; ++worker) {
      const auto id = static_cast<BlockId>(round * 10) + worker;
      pool.start({worker}, block_of(id, static_cast<Index>(id) * 1000, static_cast<Index>(id) * 1000 + 20));
    }
    pool.quiesce();
    EXPECT_EQ(handler.inside.load(), 0);
    const Index at_rest = handler.count;
    const auto extra = static_cast<BlockId>(round * 10 + 5);
    pool.start({1}, block_of(extra, 0, 3));
    pool.retract({1}, extra);
    int finished = 0;
    for (;;) {  // the thread answers, so it had its chance to compute
      const PoolEvent event = next_event(pool);
      if (const auto* back = std::get_if<RetractedBlock>(&event.what)) {
        EXPECT_EQ(*back, (RetractedBlock{extra, {0, 3}}));
        break;
      }
      ++finished;
    }
    EXPECT_EQ(handler.count.load(), at_rest);
    EXPECT_EQ(handler.inside.load(), 0);
    pool.resume();
    for (; finished < 3; ++finished) EXPECT_EQ(std::get<BlockReport>(next_event(pool).what).completed, 20);
    EXPECT_EQ(handler.count.load(), before + 60);
  }
}

TEST(ThreadPool, rests_between_two_elements_of_a_block) {
  ManualClock clock;
  GatedHandler handler(clock);
  handler.open = true;
  constexpr Index endless = 1'000'000'000;
  ThreadPool pool({&handler}, clock, {}, 100us);
  pool.start({0}, block_of(1, 0, endless));
  handler.arrived.acquire();
  pool.quiesce();
  const int at_rest = handler.slices;
  EXPECT_GE(at_rest, 1);
  pool.retract({0}, 1);
  EXPECT_EQ(std::get<RetractedBlock>(next_event(pool).what), (RetractedBlock{1, {at_rest, endless}}));
  EXPECT_EQ(std::get<BlockReport>(next_event(pool).what).completed, at_rest);
  EXPECT_EQ(handler.slices.load(), at_rest);
  pool.resume();
}

TEST(ThreadPool, a_pause_ends_when_something_happens) {
  ManualClock clock;
  SharedHandler handler(clock);
  ThreadPool pool({&handler}, clock, {}, 100us);
  pool.start({0}, block_of(1, 0, 1));
  pool.pause(1h);
  EXPECT_TRUE(pool.poll().has_value());
}

TEST(ThreadPool, drops_what_has_not_begun_when_it_ends) {
  ManualClock clock;
  GatedHandler handler(clock);
  handler.open = true;
  constexpr Index endless = 1'000'000'000;
  {
    ThreadPool pool({&handler}, clock, {}, 100us);
    pool.start({0}, block_of(1, 0, endless));
    pool.start({0}, block_of(2, 0, endless));
    handler.arrived.acquire();
  }
  EXPECT_LT(handler.slices.load(), endless);
}

TEST(ThreadPool, failures_are_reported) {
  ManualClock clock;
  test::CountingHandler handler(clock, 1us);
  handler.throws_at = 3;
  ThreadPool pool({&handler}, clock, {.rank = 2, .host = "node2"}, 100us);
  pool.start({0}, block_of(1, 3, 6));
  const PoolEvent event = next_event(pool);
  const auto& report = std::get<BlockReport>(event.what);
  EXPECT_EQ(report.completed, 0);
  ASSERT_TRUE(report.failure.has_value());
  EXPECT_EQ(report.failure->message, "thrown");
  EXPECT_EQ(report.failure->rank, 2);
  pool.start({0}, block_of(2, 6, 9));
  EXPECT_EQ(std::get<BlockReport>(next_event(pool).what).completed, 3);
}

}  // namespace
}  // namespace mpipe
