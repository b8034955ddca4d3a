// SPDX-License-Identifier: BSD-3-Clause
// What scheduling costs: memory by number of elements, allocations, and (printed only) time per block.
#include "schedule/api/scheduler.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <new>

namespace {

std::size_t allocations = 0;
std::size_t allocated_bytes = 0;

}  // namespace

// Not inlined, as GCC then takes the pair of malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  allocated_bytes += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace mpipe {
namespace {

using namespace std::chrono_literals;

// Workers that are all done with their oldest block, one after the other, in rounds, at a fixed time per
// element.
class Farm {
 public:
  Farm(SchedulerOptions options, std::size_t workers)
      : scheduler_(options, std::vector<WorkerTraits>(workers)) {
    queue_.resize(2 * workers + 1);
  }

  Scheduler& scheduler() { return scheduler_; }

  void ready(const RangeSet& todo) {
    scheduler_.on_stage_ready({0}, todo, now_);
    act();
  }

  // Returns how many blocks it did, at most `blocks`.
  Index run(Index blocks, Duration element_time) {
    Index done = 0;
    for (; done < blocks && first_ != last_; ++done) {
      const Block block = queue_[first_];
      first_ = (first_ + 1) % queue_.size();
      const Duration busy = element_time * block.range.size();
      now_ += busy;
      scheduler_.on_block_done(block.id, busy, now_);
      act();
    }
    return done;
  }

 private:
  void act() {
    while (const auto action = scheduler_.next_action(now_)) {
      if (const auto* assign = std::get_if<Assign>(&*action)) {
        queue_[last_] = assign->block;
        last_ = (last_ + 1) % queue_.size();
      }
    }
  }

  Scheduler scheduler_;
  std::vector<Block> queue_;
  std::size_t first_ = 0, last_ = 0;
  TimePoint now_{};
};

TEST(SchedulerCost, BillionElementsInLittleMemory) {
  allocated_bytes = 0;
  Farm farm({}, 64);
  farm.ready({{0, 1'000'000'000}});
  farm.run(100'000, 10ns);
  EXPECT_GT(farm.scheduler().tally(StageId{0}).done, 100'000'000);
  EXPECT_LT(allocated_bytes, 1'000'000u) << "in all, even what was freed";
}

TEST(SchedulerCost, SelectionOfABillionByItsRanges) {
  RangeSet todo;
  for (Index i = 0; i < 1000; ++i) todo.insert({i * 1'000'000, i * 1'000'000 + 1});
  allocated_bytes = 0;
  Farm farm({}, 4);
  farm.ready(todo);
  EXPECT_EQ(farm.run(1'000'000, 10us), 1000);
  EXPECT_TRUE(farm.scheduler().finished());
  EXPECT_LT(allocated_bytes, 100'000u);
}

TEST(SchedulerCost, NoAllocationInTheSteadyState) {
  Farm farm({.fixed_block = 1}, 4);
  farm.ready({{0, 1'000'000}});
  farm.run(100, 1us);
  allocations = 0;
  EXPECT_EQ(farm.run(100'000, 1us), 100'000);
  EXPECT_EQ(allocations, 0u);
}

double ns_per_block(std::size_t workers, SchedulerOptions options, Duration element_time) {
  Farm farm(options, workers);
  farm.ready({{0, 1'000'000'000'000}});
  farm.run(10'000, element_time);
  double best = 1e9;
  for (int repetition = 0; repetition < 50; ++repetition) {
    const auto begin = std::chrono::steady_clock::now();
    const Index blocks = farm.run(20'000, element_time);
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
    best = std::min(best, time.count() / static_cast<double>(blocks));
  }
  return best;
}

TEST(SchedulerCost, TimePerBlock) {
  for (const std::size_t workers : {1, 4, 64, 10'000}) {
    std::cout << workers << " workers: " << ns_per_block(workers, {.fixed_block = 1}, 1us)
              << " ns per block (size 1), " << ns_per_block(workers, {}, 10us) << " ns (guided), "
              << ns_per_block(workers, {}, 10ms) << " ns (long blocks, no second ones)\n";
  }
}

}  // namespace
}  // namespace mpipe
