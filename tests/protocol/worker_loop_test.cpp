// SPDX-License-Identifier: BSD-3-Clause
// One worker, turn by turn: what it does with each message at each moment.
#include "comm/api/loopback.hpp"
#include "exec/api/messages.hpp"
#include "exec/api/serve.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"
#include "unit/exec/printing.hpp"

#include <functional>
#include <string>
#include <vector>

namespace mpipe {
namespace {

using test::block_of;
using test::CountingHandler;
using test::ManualClock;
using Turn = WorkerLoop::Turn;
using namespace std::chrono_literals;

// Elements take 60 us, so that each is a slice of its own.
class Worker : public WorkerEvents {
 public:
  void on_barrier(std::uint32_t wave) override { note("barrier " + std::to_string(wave)); }
  void on_commit(std::uint32_t number) override {
    note("commit " + std::to_string(number));
    if (fails_to_commit) throw Error(Category::storage_failed, "the disk is full");
  }
  void on_stop() override { note("stop"); }
  void on_turn(TimePoint now) override {
    EXPECT_EQ(now, clock.now());
    ++turns;
  }

  void hears(const ToWorker& message) {
    const EncodedMessage encoded = encode(message);
    network.root().send({0}, encoded.kind, encoded.body());
  }
  void gets(const Block& block) { hears(ComputeMessage{block}); }

  // What rank 0 hears next; nothing when the worker has said nothing.
  std::optional<ToRoot> says() {
    const Frame* frame = network.root().poll();
    return frame == nullptr ? std::nullopt : std::optional(decode_to_root(*frame));
  }
  BlockReport reports() {
    const auto message = says();
    if (!message || !std::holds_alternative<DoneMessage>(*message)) {
      ADD_FAILURE() << "no report";
      return {};
    }
    return std::get<DoneMessage>(*message).report;
  }
  RetractedBlock gives_back() {
    const auto message = says();
    if (!message || !std::holds_alternative<RetractedMessage>(*message)) {
      ADD_FAILURE() << "nothing was given back";
      return {};
    }
    return std::get<RetractedMessage>(*message).retracted;
  }
  void turn(int times = 1) {
    for (; times > 0; --times) EXPECT_EQ(loop.turn(), Turn::worked);
  }

  ManualClock clock;
  CountingHandler handler{clock, 60us};
  LoopbackNetwork network{1, 1};
  WorkerLoop loop{network.worker({0}), handler, *this, clock, {.rank = 1, .host = "node1"}};
  std::vector<std::string> log;  ///< what happened, each with the elements that were computed before
  int turns = 0;
  bool fails_to_commit = false;

 private:
  void note(const std::string& what) {
    log.push_back(what + " at " + std::to_string(handler.computed.size()));
  }
};

TEST(WorkerLoop, is_idle_without_work) {
  Worker worker;
  EXPECT_EQ(worker.loop.turn(), Turn::idle);
  EXPECT_EQ(worker.turns, 0);
  worker.network.expect_nothing_sent();
}

TEST(WorkerLoop, computes_blocks_in_the_order_they_came) {
  Worker worker;
  for (const BlockId id : {7, 5, 6})
    worker.gets(block_of(id, static_cast<Index>(id) * 10, static_cast<Index>(id) * 10 + 2, 3));
  worker.turn(6);
  EXPECT_EQ(worker.loop.turn(), Turn::idle);
  for (const BlockId id : {7, 5, 6}) {
    const BlockReport report = worker.reports();
    EXPECT_EQ(report.block, block_of(id, static_cast<Index>(id) * 10, static_cast<Index>(id) * 10 + 2, 3));
    EXPECT_EQ(report.completed, 2);
    EXPECT_EQ(report.busy, 120us);
  }
  EXPECT_EQ(worker.turns, 6);  // after each slice
  EXPECT_EQ(worker.handler.computed.size(), 6U);
}

TEST(WorkerLoop, gives_back_the_rest_of_a_running_block) {
  Worker worker;
  worker.gets(block_of(1, 0, 10));
  worker.turn(3);
  worker.hears(RetractMessage{1});
  worker.turn();
  EXPECT_EQ(worker.loop.turn(), Turn::idle);
  EXPECT_EQ(worker.gives_back(), (RetractedBlock{1, {3, 10}}));
  const BlockReport report = worker.reports();
  EXPECT_EQ(report.block, block_of(1, 0, 3));
  EXPECT_EQ(report.completed, 3);
  EXPECT_FALSE(worker.says().has_value());
  EXPECT_EQ(worker.handler.computed.size(), 3U);
}

TEST(WorkerLoop, gives_back_a_queued_block_and_goes_on) {
  Worker worker;
  worker.gets(block_of(1, 0, 4));
  worker.gets(block_of(2, 4, 8));
  worker.hears(RetractMessage{2});
  worker.turn(4);
  EXPECT_EQ(worker.loop.turn(), Turn::idle);
  EXPECT_EQ(worker.gives_back(), (RetractedBlock{2, {4, 8}}));
  EXPECT_EQ(worker.reports().block, block_of(1, 0, 4));
  EXPECT_FALSE(worker.says().has_value());
}

TEST(WorkerLoop, goes_on_with_the_next_block_after_giving_one_back) {
  Worker worker;
  worker.gets(block_of(1, 0, 4));
  worker.gets(block_of(2, 4, 6));
  worker.turn(2);
  worker.hears(RetractMessage{1});
  worker.turn(2);
  EXPECT_EQ(worker.gives_back(), (RetractedBlock{1, {2, 4}}));
  EXPECT_EQ(worker.reports().block, block_of(1, 0, 2));
  EXPECT_EQ(worker.reports().block, block_of(2, 4, 6));
}

TEST(WorkerLoop, has_no_answer_for_blocks_that_it_does_not_have) {
  Worker worker;
  worker.hears(RetractMessage{1});
  worker.gets(block_of(1, 0, 1));
  worker.turn();
  worker.hears(RetractMessage{1});  // it crossed the report
  worker.turn();
  EXPECT_EQ(worker.reports().block, block_of(1, 0, 1));
  EXPECT_FALSE(worker.says().has_value());
}

// In the middle of a block, with others behind it: at the next slice.
TEST(WorkerLoop, commits_between_two_slices) {
  Worker worker;
  worker.gets(block_of(1, 0, 4));
  worker.gets(block_of(2, 4, 8));
  worker.turn(2);
  worker.hears(CommitMessage{11});
  worker.hears(CommitMessage{12});
  worker.turn(6);
  EXPECT_EQ(worker.log, (std::vector<std::string>{"commit 11 at 2", "commit 12 at 3"}));
  EXPECT_EQ(worker.handler.computed.size(), 8U);
  EXPECT_EQ(worker.reports().block.id, 1U);
  EXPECT_EQ(worker.reports().block.id, 2U);
}

TEST(WorkerLoop, keeps_the_order_of_blocks_and_barriers) {
  Worker worker;
  worker.gets(block_of(1, 0, 1, 0));
  worker.turn();
  worker.hears(BarrierMessage{0});
  worker.gets(block_of(2, 0, 1, 1));
  worker.turn(1);
  worker.hears(BarrierMessage{1});
  worker.hears(StopMessage{});
  EXPECT_EQ(worker.loop.turn(), Turn::stopped);
  EXPECT_EQ(worker.log, (std::vector<std::string>{"barrier 0 at 1", "barrier 1 at 2", "stop at 2"}));
}

TEST(WorkerLoop, drops_queued_blocks_when_it_stops) {
  Worker worker;
  worker.gets(block_of(1, 0, 10));
  worker.gets(block_of(2, 10, 20));
  worker.gets(block_of(3, 20, 30));
  worker.hears(StopMessage{});
  worker.turn(3);
  EXPECT_EQ(worker.loop.turn(), Turn::stopped);
  EXPECT_EQ(worker.log, std::vector<std::string>{"stop at 3"});
  worker.gets(block_of(4, 30, 40));
  EXPECT_EQ(worker.loop.turn(), Turn::stopped);
  EXPECT_EQ(worker.handler.computed.size(), 3U);  // of the first, which had begun
  EXPECT_FALSE(worker.says().has_value());
}

TEST(WorkerLoop, reports_failures_and_gives_back_what_waits) {
  Worker worker;
  worker.handler.fails_at = 2;
  worker.handler.throws_at = 5;
  worker.gets(block_of(1, 0, 4));
  worker.gets(block_of(2, 4, 6));
  worker.gets(block_of(3, 6, 7));
  while (worker.loop.turn() == Turn::worked) continue;
  EXPECT_EQ(worker.handler.computed.size(), 2U);
  const BlockReport failed = worker.reports();
  EXPECT_EQ(failed.completed, 2);
  ASSERT_TRUE(failed.failure.has_value());
  EXPECT_EQ(failed.failure->element, 2);
  EXPECT_EQ(worker.gives_back(), (RetractedBlock{2, {4, 6}}));
  EXPECT_EQ(worker.gives_back(), (RetractedBlock{3, {6, 7}}));
  worker.gets(block_of(4, 4, 6));
  worker.gets(block_of(5, 6, 7));
  while (worker.loop.turn() == Turn::worked) continue;
  const BlockReport thrown = worker.reports();
  EXPECT_EQ(thrown.completed, 1);
  ASSERT_TRUE(thrown.failure.has_value());
  EXPECT_EQ(thrown.failure->message, "thrown");
  EXPECT_EQ(thrown.failure->element, 5);
  EXPECT_EQ(thrown.failure->rank, 1);
  EXPECT_EQ(thrown.failure->host, "node1");
  EXPECT_EQ(worker.gives_back(), (RetractedBlock{5, {6, 7}}));
}

TEST(WorkerLoop, late_shapes_and_journals_are_told) {
  Worker worker;
  worker.handler.late_shape = LateShape{{2}, {3, 4}};
  worker.gets(block_of(1, 0, 3));
  worker.turn(3);
  const BlockReport report = worker.reports();
  EXPECT_EQ(report.late_shapes, (std::vector<LateShape>{{{2}, {3, 4}}}));
  EXPECT_EQ(report.journal_bytes, 3U);
}

TEST(WorkerLoop, frames_that_rank_0_does_not_send_are_a_bug) {
  Worker worker;
  worker.network.root().send({0}, 99, {});
  EXPECT_THROW(worker.loop.turn(), Bug);
  const EncodedMessage retracted = encode(ToRoot(RetractedMessage{{1, {0, 1}}}));
  worker.network.root().send({0}, retracted.kind, retracted.body());
  EXPECT_THROW(worker.loop.turn(), Bug);
}

TEST(WorkerLoop, what_its_events_throw_ends_it) {
  Worker worker;
  worker.fails_to_commit = true;
  worker.hears(CommitMessage{1});
  test::error_message(Category::storage_failed, [&] { worker.loop.turn(); });
}

TEST(Serve, until_rank_0_says_stop) {
  Worker worker;
  worker.gets(block_of(1, 0, 3));
  worker.hears(BarrierMessage{0});
  worker.gets(block_of(2, 3, 6));
  worker.hears(CommitMessage{1});
  worker.network.root().send({0}, encode(ToWorker(RetractMessage{2})).kind,
                             encode(ToWorker(RetractMessage{2})).body());
  worker.hears(StopMessage{});
  serve(worker.network.worker({0}), worker.handler, worker, worker.clock, {.rank = 1, .host = "node1"}, {});
  EXPECT_EQ(worker.log.back().substr(0, 4), "stop");
  EXPECT_EQ(worker.log.size(), 3U);
}

TEST(Serve, gives_up_when_rank_0_is_silent) {
  Worker worker;
  const std::string message = test::error_message(Category::rank_lost, [&] {
    serve(worker.network.worker({0}), worker.handler, worker, worker.clock, {.rank = 7, .host = "node7"},
          {.limit = 2ms});
  });
  EXPECT_TRUE(test::contains(message, "Rank 7 on node7"));
  EXPECT_TRUE(test::contains(message, "MPIPE_WAIT_LIMIT"));
  EXPECT_GT(worker.turns, 0);  // what is due from time to time was done while it waited
}

}  // namespace
}  // namespace mpipe
