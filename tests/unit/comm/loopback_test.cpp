// SPDX-License-Identifier: BSD-3-Clause
// The network within one process delivers in order, and loses, doubles and delays what it is told to.
#include "comm/api/loopback.hpp"

#include "support/expect_error.hpp"
#include "unit/comm/bytes.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace mpipe {
namespace {

using test::bytes_of;
using test::copy_of;
using test::pattern;

constexpr RunId run = 5;

// The kinds of all frames that arrive until nothing more does.
template <class Transport>
std::vector<int> kinds_at(Transport& transport, int polls = 100) {
  std::vector<int> kinds;
  for (int poll = 0; poll < polls; ++poll)
    if (const Frame* frame = transport.poll()) kinds.push_back(frame->kind);
  return kinds;
}

TEST(Loopback, delivers_both_ways) {
  LoopbackNetwork network(2, run);
  EXPECT_EQ(network.root().worker_count(), 2U);
  EXPECT_EQ(network.worker({1}).worker(), WorkerId{1});
  EXPECT_EQ(network.root().poll(), nullptr);

  network.root().send({1}, 7, bytes_of("body"), pattern(1000, 1));
  EXPECT_EQ(network.worker({0}).poll(), nullptr);
  const Frame* at_worker = network.worker({1}).poll();
  ASSERT_NE(at_worker, nullptr);
  EXPECT_EQ(at_worker->worker, WorkerId{1});
  EXPECT_EQ(at_worker->kind, 7);
  EXPECT_EQ(copy_of(at_worker->body), bytes_of("body"));
  EXPECT_EQ(copy_of(at_worker->payload), pattern(1000, 1));
  EXPECT_EQ(network.worker({1}).poll(), nullptr);

  network.worker({0}).send(9, {}, {});
  const Frame* at_root = network.root().poll();
  ASSERT_NE(at_root, nullptr);
  EXPECT_EQ(at_root->worker, WorkerId{0});
  EXPECT_EQ(at_root->kind, 9);
  EXPECT_TRUE(at_root->body.empty());
  EXPECT_TRUE(at_root->payload.empty());
  EXPECT_TRUE(network.root().all_sent());
  EXPECT_TRUE(network.worker({0}).all_sent());
}

TEST(Loopback, keeps_the_order_of_each_sender) {
  LoopbackNetwork network(2, run);
  for (FrameKind kind = 0; kind < 10; ++kind) {
    network.worker({0}).send(kind, {});
    network.root().send({0}, kind, {});
  }
  const std::vector<int> expected{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(kinds_at(network.root()), expected);
  EXPECT_EQ(kinds_at(network.worker({0})), expected);
}

TEST(Loopback, refuses_what_no_transport_sends) {
  LoopbackNetwork network(1, run);
  EXPECT_THROW(network.root().send({1}, 1, {}), Bug);
  EXPECT_THROW(network.root().send({0}, 1, pattern(kMaxBodyBytes + 1, 1)), Bug);
  network.expect_nothing_sent();
}

TEST(Loopback, says_what_was_never_received) {
  LoopbackNetwork network(2, run);
  network.expect_nothing_sent();
  network.root().send({1}, 1, {});
  network.worker({0}).send(1, {});
  EXPECT_EQ(network.undelivered(), 2U);
  EXPECT_THROW(network.expect_nothing_sent(), Bug);
  ASSERT_NE(network.root().poll(), nullptr);
  EXPECT_THROW(network.expect_nothing_sent(), Bug);
  ASSERT_NE(network.worker({1}).poll(), nullptr);
  network.expect_nothing_sent();
  EXPECT_EQ(network.undelivered(), 0U);
}

TEST(Loopback, drops_and_duplicates) {
  std::vector<FrameInfo> seen;
  LoopbackNetwork network(2, run, [&](const FrameInfo& info) {
    seen.push_back(info);
    return Delivery{.copies = info.kind};
  });
  network.root().send({1}, 0, {});
  network.root().send({1}, 2, bytes_of("x"));
  network.worker({0}).send(1, {});
  EXPECT_EQ(kinds_at(network.worker({1})), (std::vector<int>{2, 2}));
  EXPECT_EQ(kinds_at(network.root()), std::vector<int>{1});
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[1].direction, Direction::to_worker);
  EXPECT_EQ(seen[1].worker, WorkerId{1});
  EXPECT_EQ(seen[1].kind, 2);
  EXPECT_EQ(seen[2].direction, Direction::to_root);
  EXPECT_EQ(seen[2].worker, WorkerId{0});
}

TEST(Loopback, delays_hold_back_what_follows) {
  LoopbackNetwork network(2, run, [](const FrameInfo& info) {
    return Delivery{.copies = 1, .delay_polls = info.kind == 1 ? 3 : 0};
  });
  network.worker({0}).send(1, {});
  network.worker({0}).send(2, {});
  network.worker({1}).send(3, {});
  const Frame* frame = network.root().poll();  // another sender is not held back
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->kind, 3);
  EXPECT_EQ(network.root().poll(), nullptr);
  EXPECT_EQ(kinds_at(network.root()), (std::vector<int>{1, 2}));
}

TEST(Loopback, overtakes_where_the_test_wants_it) {
  LoopbackNetwork network(1, run, [](const FrameInfo& info) {
    return Delivery{.copies = 1, .delay_polls = info.kind == 1 ? 2 : 0, .overtakes = info.kind == 2};
  });
  for (const FrameKind kind : {1, 2, 3}) network.worker({0}).send(kind, {});
  EXPECT_EQ(kinds_at(network.root()), (std::vector<int>{2, 1, 3}));
}

TEST(Loopback, ends_belong_to_threads) {
  constexpr int frames = 2000;
  LoopbackNetwork network(3, run);
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    threads.emplace_back([&, worker] {
      WorkerTransport& end = network.worker({worker});
      for (int received = 0; received < frames;) {
        const Frame* frame = end.poll();
        if (frame == nullptr) continue;
        end.send(frame->kind, frame->body, copy_of(frame->payload));  // back to where it came from
        ++received;
        ++answered;
      }
    });
  }
  std::vector<int> next(3, 0);
  int wrong = 0;
  const auto receive = [&] {
    const Frame* frame = network.root().poll();
    if (frame == nullptr) return;
    const int number = next[frame->worker.value]++;
    const bool right =
        copy_of(frame->body) == pattern(static_cast<std::size_t>(number % 50), frame->worker.value) &&
        copy_of(frame->payload) == pattern(static_cast<std::size_t>(number % 7), 1);
    wrong += right ? 0 : 1;
  };
  for (int number = 0; number < frames; ++number) {
    for (std::uint32_t worker = 0; worker < 3; ++worker)
      network.root().send({worker}, 1, pattern(static_cast<std::size_t>(number % 50), worker),
                          pattern(static_cast<std::size_t>(number % 7), 1));
    receive();
  }
  for (std::thread& thread : threads) thread.join();
  while (network.undelivered() > 0) receive();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(answered, 3 * frames);
  EXPECT_EQ(next, std::vector<int>(3, frames));
}

}  // namespace
}  // namespace mpipe
