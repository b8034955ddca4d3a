// SPDX-License-Identifier: BSD-3-Clause
#include "exec/api/pools.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"
#include "unit/exec/printing.hpp"

#include <deque>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::block_of;
using namespace std::chrono_literals;

// Notes what it is told in a log that several share, and has the events that a test puts in.
class ScriptedPool final : public Pool {
 public:
  ScriptedPool(std::string name, std::uint32_t workers, std::vector<std::string>& log)
      : name_(std::move(name)), workers_(workers), log_(log) {}

  std::uint32_t worker_count() const override { return workers_; }
  void start(WorkerId worker, const Block& block) override { note("start", worker, block.id); }
  void retract(WorkerId worker, BlockId block) override { note("retract", worker, block); }
  std::optional<PoolEvent> poll() override {
    ++polls;
    if (events.empty()) return std::nullopt;
    PoolEvent event = std::move(events.front());
    events.pop_front();
    return event;
  }
  bool computes_inline() const override { return busy; }
  void pause(Duration duration) override {
    log_.push_back(name_ + " pause " + std::to_string(duration.count()));
  }
  void quiesce() override { log_.push_back(name_ + " quiesce"); }
  void resume() override { log_.push_back(name_ + " resume"); }

  std::deque<PoolEvent> events;
  bool busy = false;
  int polls = 0;

 private:
  void note(const std::string& what, WorkerId worker, BlockId block) {
    log_.push_back(name_ + " " + what + " " + std::to_string(worker.value) + " " + std::to_string(block));
  }
  std::string name_;
  std::uint32_t workers_;
  std::vector<std::string>& log_;
};

struct Composite {
  std::vector<std::string> log;
  ScriptedPool remote{"remote", 3, log};
  ScriptedPool local{"local", 2, log};
  CompositePool pool{remote, local};
};

PoolEvent event_of(std::uint32_t worker, BlockId block = 1) {
  return {{worker}, RetractedBlock{block, {0, 1}}};
}

TEST(CompositePool, numbers_the_remote_workers_first) {
  Composite both;
  EXPECT_EQ(both.pool.worker_count(), 5U);
  both.pool.start({2}, block_of(10, 0, 1));
  both.pool.start({3}, block_of(11, 0, 1));
  both.pool.retract({0}, 12);
  both.pool.retract({4}, 13);
  EXPECT_EQ(both.log, (std::vector<std::string>{"remote start 2 10", "local start 0 11",
                                                "remote retract 0 12", "local retract 1 13"}));
  both.remote.events.push_back(event_of(2));
  both.local.events.push_back(event_of(1));
  EXPECT_EQ(both.pool.poll()->worker, WorkerId{2});
  EXPECT_EQ(both.pool.poll()->worker, WorkerId{4});
  EXPECT_FALSE(both.pool.poll().has_value());
}

TEST(CompositePool, remote_events_come_first) {
  Composite both;
  for (int k = 0; k < 3; ++k) {
    both.remote.events.push_back(event_of(0));
    both.local.events.push_back(event_of(0));
  }
  std::vector<std::uint32_t> workers;
  while (const auto event = both.pool.poll()) workers.push_back(event->worker.value);
  EXPECT_EQ(workers, (std::vector<std::uint32_t>{0, 0, 0, 3, 3, 3}));
}

// However many remote events there are, local work gets a turn.
TEST(CompositePool, local_work_does_not_starve) {
  Composite both;
  for (int k = 0; k < 2000; ++k) both.remote.events.push_back(event_of(0));
  both.local.events.push_back(event_of(0));
  int polls = 0;
  while (both.pool.poll()->worker.value < 3) ASSERT_LT(++polls, 1000);
  EXPECT_GT(polls, 0);
  both.local.polls = 0;  // and it gets one again, though it has nothing to say
  for (int k = 0; k < 1000; ++k) EXPECT_TRUE(both.pool.poll().has_value());
  EXPECT_GT(both.local.polls, 0);
}

TEST(CompositePool, passes_everything_else_on) {
  Composite both;
  EXPECT_FALSE(both.pool.computes_inline());
  both.local.busy = true;
  EXPECT_TRUE(both.pool.computes_inline());
  both.pool.quiesce();
  both.pool.resume();
  both.pool.pause(5ns);
  EXPECT_EQ(both.log, (std::vector<std::string>{"remote quiesce", "local quiesce", "remote resume",
                                                "local resume", "local pause 5"}));
}

}  // namespace
}  // namespace mpipe
