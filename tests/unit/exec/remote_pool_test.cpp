// SPDX-License-Identifier: BSD-3-Clause
// The pool of rank 0 over a network within this process.
#include "comm/api/loopback.hpp"
#include "exec/api/pools.hpp"
#include "support/expect_error.hpp"
#include "unit/exec/counting_handler.hpp"
#include "unit/exec/printing.hpp"

#include <string>

namespace mpipe {
namespace {

using test::block_of;

struct Remote {
  LoopbackNetwork network{2, 1};
  RemotePool pool{network.root()};

  template <class Message>
  Message received(std::uint32_t worker) {
    const Frame* frame = network.worker({worker}).poll();
    if (frame == nullptr) throw std::runtime_error("nothing has arrived");
    return std::get<Message>(decode_to_worker(*frame));
  }
  void say(std::uint32_t worker, const ToRoot& message) {
    EncodedMessage encoded = encode(message);
    network.worker({worker}).send(encoded.kind, encoded.body(), encoded.take_payload());
  }
};

TEST(RemotePool, sends_blocks_and_takes_them_back) {
  Remote remote;
  EXPECT_EQ(remote.pool.worker_count(), 2U);
  EXPECT_FALSE(remote.pool.computes_inline());
  remote.pool.start({1}, block_of(8, 100, 110, 3));
  remote.pool.retract({1}, 8);
  EXPECT_EQ(remote.received<ComputeMessage>(1).block, block_of(8, 100, 110, 3));
  EXPECT_EQ(remote.received<RetractMessage>(1).block, 8U);
  remote.network.expect_nothing_sent();
}

TEST(RemotePool, hears_of_blocks) {
  Remote remote;
  EXPECT_FALSE(remote.pool.poll().has_value());
  BlockReport report;
  report.block = block_of(8, 0, 10);
  report.completed = 3;
  report.failure = test::failure_at(3, std::string(1000, 'm'));
  remote.say(1, DoneMessage{report});
  remote.say(1, RetractedMessage{{9, {5, 6}}});
  const auto done = remote.pool.poll();
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->worker, WorkerId{1});
  EXPECT_EQ(std::get<BlockReport>(done->what), report);
  const auto retracted = remote.pool.poll();
  ASSERT_TRUE(retracted.has_value());
  EXPECT_EQ(std::get<RetractedBlock>(retracted->what), (RetractedBlock{9, {5, 6}}));
  EXPECT_FALSE(remote.pool.poll().has_value());
}

TEST(RemotePool, tells_all_workers_at_once) {
  Remote remote;
  remote.pool.send_barrier(4);
  remote.pool.send_commit(5);
  remote.pool.send_stop();
  for (const std::uint32_t worker : {0U, 1U}) {
    EXPECT_EQ(remote.received<BarrierMessage>(worker).wave, 4U);
    EXPECT_EQ(remote.received<CommitMessage>(worker).number, 5U);
    remote.received<StopMessage>(worker);
  }
  remote.network.expect_nothing_sent();
}

TEST(RemotePool, does_not_take_what_no_worker_says) {
  Remote remote;
  remote.network.worker({0}).send(200, {});
  EXPECT_THROW(remote.pool.poll(), Bug);
  const EncodedMessage stop = encode(ToWorker(StopMessage{}));
  remote.network.worker({0}).send(stop.kind, stop.body());
  EXPECT_THROW(remote.pool.poll(), Bug);
}

}  // namespace
}  // namespace mpipe
