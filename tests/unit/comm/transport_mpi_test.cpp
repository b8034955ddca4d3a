// SPDX-License-Identifier: BSD-3-Clause
// Frames over MPI, between rank 0 and all others.
#include <mpipe/comm/native_comm.hpp>

#include "comm/api/transport.hpp"
#include "comm/api/waiter.hpp"
#include "support/expect_error.hpp"
#include "unit/comm/bytes.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace mpipe {
namespace {

using test::copy_of;
using test::pattern;
using Bytes = std::vector<std::byte>;

constexpr RunId run = 77;

const Communicator& world() {
  static const Communicator comm = communicator_from(MPI_COMM_WORLD);
  return comm;
}

// One end, whichever this rank has. Peers: the workers on rank 0, and rank 0 (as peer 0) on a worker.
class End {
 public:
  explicit End(RunId id = run) {
    if (world().is_root()) {
      root_ = make_root_transport(world(), id);
    } else {
      worker_ = make_worker_transport(world(), id);
    }
  }

  std::uint32_t peers() const { return root_ ? root_->worker_count() : 1; }
  void send(std::uint32_t peer, FrameKind kind, std::span<const std::byte> body, Bytes payload = {}) {
    root_ ? root_->send({peer}, kind, body, std::move(payload))
          : worker_->send(kind, body, std::move(payload));
  }
  const Frame* poll() { return root_ ? root_->poll() : worker_->poll(); }
  bool all_sent() { return root_ ? root_->all_sent() : worker_->all_sent(); }
  // Who sent a frame, in the numbering of peers.
  std::uint32_t sender(const Frame& frame) const { return root_ ? frame.worker.value : 0; }

 private:
  std::unique_ptr<RootTransport> root_;
  std::unique_ptr<WorkerTransport> worker_;
};

// Polls until `done`; a minute without it is a failure, and better than a test that hangs.
bool poll_until(End& end, const std::function<bool()>& done,
                const std::function<void(const Frame&)>& receive) {
  Waiter waiter({.mode = WaitMode::backoff, .limit = std::chrono::minutes(1)});
  while (!done()) {
    if (const Frame* frame = end.poll()) {
      receive(*frame);
      waiter.reset();
    } else {
      waiter.idle();
    }
    if (waiter.expired()) return false;
  }
  return true;
}

// What message number `number` to or from `worker` is: all sizes of bodies, and payloads now and then.
struct Message {
  FrameKind kind;
  Bytes body;
  Bytes payload;
};

Message message(bool to_worker, std::uint32_t worker, int number, std::size_t payload_size) {
  const std::uint64_t seed =
      (to_worker ? 1'000'000U : 0U) + worker * 100'000U + static_cast<std::uint64_t>(number);
  return {static_cast<FrameKind>(number % 250),
          pattern(static_cast<std::size_t>(number) % (kMaxBodyBytes + 1), seed),
          pattern(payload_size, seed + 1)};
}

// Sends `payload_sizes.size()` messages to every peer and expects as many from each, in order and unharmed.
// `batch` messages are sent between polls.
void talk(const std::vector<std::size_t>& payload_sizes, int batch) {
  End end;
  const bool at_root = world().is_root();
  const auto worker_of = [&](std::uint32_t peer) {
    return at_root ? peer : static_cast<std::uint32_t>(world().rank() - 1);
  };
  const int total = static_cast<int>(payload_sizes.size());
  std::map<std::uint32_t, int> received;
  int received_in_all = 0;
  const auto receive = [&](const Frame& frame) {
    const std::uint32_t peer = end.sender(frame);
    const int number = received[peer]++;
    ++received_in_all;
    if (number >= total || peer >= end.peers()) {
      ADD_FAILURE() << "a frame too many from " << peer;
      return;
    }
    const Message expected =
        message(!at_root, worker_of(peer), number, payload_sizes[static_cast<std::size_t>(number)]);
    EXPECT_EQ(frame.worker, WorkerId{worker_of(peer)});
    EXPECT_EQ(frame.kind, expected.kind) << "number " << number;
    EXPECT_TRUE(copy_of(frame.body) == expected.body) << "number " << number;
    EXPECT_EQ(frame.payload.size(), expected.payload.size()) << "number " << number;
    EXPECT_TRUE(copy_of(frame.payload) == expected.payload) << "number " << number;
  };
  for (int number = 0; number < total; ++number) {
    for (std::uint32_t peer = 0; peer < end.peers(); ++peer) {
      Message next =
          message(at_root, worker_of(peer), number, payload_sizes[static_cast<std::size_t>(number)]);
      end.send(peer, next.kind, next.body, std::move(next.payload));
    }
    if (number % batch == 0)
      if (const Frame* frame = end.poll()) receive(*frame);
  }
  const int expected_in_all = total * static_cast<int>(end.peers());
  EXPECT_TRUE(poll_until(
      end, [&] { return received_in_all == expected_in_all && end.all_sent(); }, receive))
      << received_in_all << " of " << expected_in_all << " frames arrived";
  world().barrier();
  EXPECT_EQ(end.poll(), nullptr);
}

TEST(MpiTransport, small_frames) { talk(std::vector<std::size_t>(3000, 0), 3); }

TEST(MpiTransport, payloads_of_all_sizes) {
  talk({1, 255, 256, 257, 300, 4095, 4096, 4097, 65'536, 100'000, 3'000'000, 1, 0, 257}, 1);
}

// A frame behind a large payload of the same sender must wait for it.
TEST(MpiTransport, order_is_kept_across_payloads) {
  std::vector<std::size_t> sizes;
  for (int k = 0; k < 300; ++k) sizes.push_back(k % 10 == 0 ? 200'000 : k % 3 == 0 ? 300 : 0);
  talk(sizes, 7);
}

TEST(MpiTransport, everything_sent_before_anything_is_received) {
  talk({0, 1'000'000, 0, 500, 0, 0, 2'000'000, 0}, 1000);
}

// Nobody polls before all have sent: a send that waited for its receiver would wait for ever.
TEST(MpiTransport, sending_never_waits_for_the_receiver) {
  End end;
  for (std::uint32_t peer = 0; peer < end.peers(); ++peer) {
    for (int number = 0; number < 100; ++number) end.send(peer, 1, pattern(100, 1));
    end.send(peer, 2, {}, pattern(2'000'000, 2));
  }
  world().barrier();
  int payloads = 0;
  int frames = 0;
  EXPECT_TRUE(poll_until(
      end, [&] { return payloads == static_cast<int>(end.peers()) && end.all_sent(); },
      [&](const Frame& frame) {
        ++frames;
        if (frame.kind != 2) return;
        ++payloads;
        EXPECT_TRUE(copy_of(frame.payload) == pattern(2'000'000, 2));
      }));
  EXPECT_EQ(frames, 101 * static_cast<int>(end.peers()));
  world().barrier();
}

// The last words of a worker, said right before its end of the transport goes away.
TEST(MpiTransport, what_was_sent_arrives_though_the_sender_is_gone) {
  constexpr std::size_t size = 1'000'000;
  constexpr int payloads = 4;
  std::vector<Bytes> rubbish;
  {
    End end;
    if (world().is_root()) {
      std::map<std::uint32_t, std::uint64_t> next;
      int arrived = 0;
      EXPECT_TRUE(poll_until(
          end, [&] { return arrived == payloads * (world().size() - 1); },
          [&](const Frame& frame) {
            ++arrived;
            EXPECT_TRUE(copy_of(frame.payload) == pattern(size, next[frame.worker.value]++));
          }));
    } else {
      for (std::uint64_t number = 0; number < payloads; ++number) end.send(0, 3, {}, pattern(size, number));
    }
  }
  // Memory of what was sent is likely to be used again at once.
  for (int k = 0; k < 2 * payloads; ++k) rubbish.emplace_back(size, std::byte{0xee});
  world().barrier();
  EXPECT_EQ(rubbish.back().back(), std::byte{0xee});
}

// A frame that came is valid until the next poll, also when others queue behind it.
TEST(MpiTransport, a_frame_stays_until_the_next_poll) {
  End end;
  for (std::uint32_t peer = 0; peer < end.peers(); ++peer)
    for (std::uint64_t number = 0; number < 20; ++number)
      end.send(peer, 1, pattern(50, number), pattern(number % 2 == 0 ? 0 : 5000, number));
  std::map<std::uint32_t, std::uint64_t> next;
  int frames = 0;
  EXPECT_TRUE(poll_until(
      end, [&] { return frames == 20 * static_cast<int>(end.peers()); },
      [&](const Frame& frame) {
        ++frames;
        const std::uint64_t number = next[end.sender(frame)]++;
        EXPECT_TRUE(copy_of(frame.body) == pattern(50, number));
        EXPECT_TRUE(copy_of(frame.payload) == pattern(number % 2 == 0 ? 0 : 5000, number));
      }));
  world().barrier();
}

TEST(MpiTransport, several_at_the_same_time_do_not_mix) {
  End first(1);
  End second(2);
  const auto of_first = pattern(40, 1);
  const auto of_second = pattern(40, 2);
  for (std::uint32_t peer = 0; peer < first.peers(); ++peer) {
    second.send(peer, 2, of_second, pattern(1000, 2));
    first.send(peer, 1, of_first);
  }
  for (End* end : {&first, &second}) {
    int frames = 0;
    EXPECT_TRUE(poll_until(
        *end, [&] { return frames == static_cast<int>(end->peers()); },
        [&](const Frame& frame) {
          ++frames;
          EXPECT_TRUE(copy_of(frame.body) == (end == &first ? of_first : of_second));
        }));
  }
  world().barrier();
}

TEST(MpiTransport, has_its_ends_where_they_belong) {
  if (world().is_root()) {
    EXPECT_THROW(make_worker_transport(world(), run), Bug);
  } else {
    EXPECT_THROW(make_root_transport(world(), run), Bug);
  }
  End end;
  if (world().is_root()) {
    EXPECT_EQ(end.peers(), static_cast<std::uint32_t>(world().size() - 1));
    EXPECT_THROW(end.send(end.peers(), 1, {}), Bug);
  }
  EXPECT_TRUE(end.all_sent());
  EXPECT_EQ(end.poll(), nullptr);
}

}  // namespace
}  // namespace mpipe
