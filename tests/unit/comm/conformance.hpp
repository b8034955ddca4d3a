// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What every group of ranks does, whatever its ranks talk through: one rank, threads, MPI.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include "comm/api/consent.hpp"
#include "comm/api/transport.hpp"
#include "comm/api/waiter.hpp"
#include "unit/comm/bytes.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace mpipe::test {

inline void check_values(const Communicator& comm) {
  const int size = comm.size();
  for (int root = 0; root < size; ++root) {
    EXPECT_EQ(comm.broadcast_text("of " + std::to_string(comm.rank()), root), "of " + std::to_string(root));
    const auto all = comm.gather(Bytes(static_cast<std::size_t>(comm.rank() + 1)), root);
    ASSERT_EQ(all.size(), comm.rank() == root ? static_cast<std::size_t>(size) : 0U);
    for (std::size_t k = 0; k < all.size(); ++k) EXPECT_EQ(all[k].size(), k + 1);
  }
  EXPECT_EQ(comm.all_reduce(std::int64_t{comm.rank() + 1}, ReduceOp::sum), size * (size + 1) / 2);
  EXPECT_EQ(comm.all_reduce(double(comm.rank()), ReduceOp::max), size - 1);
  EXPECT_EQ(comm.all_reduce(std::int64_t{comm.rank()}, ReduceOp::min), 0);
  EXPECT_TRUE(comm.all_agree(7));
  EXPECT_EQ(comm.all_agree(static_cast<std::uint64_t>(comm.rank())), size == 1);
  std::size_t ranks = 0;
  for (const Node& node : comm.nodes()) ranks += node.ranks.size();
  EXPECT_EQ(ranks, static_cast<std::size_t>(size));
}

/// Each rank sends each one, itself too, two parts of different sizes.
inline void check_exchange(const Communicator& comm) {
  std::vector<Bytes> sent;
  std::vector<Bytes> received;
  for (int other = 0; other < comm.size(); ++other) {
    for (const int k : {1, 2}) {
      sent.emplace_back(static_cast<std::size_t>(10 * comm.rank() + k), static_cast<std::byte>(other));
      received.emplace_back(static_cast<std::size_t>(10 * other + k));
    }
  }
  std::vector<SendPart> sends;
  std::vector<ReceivePart> receives;
  for (std::size_t k = 0; k < sent.size(); ++k) {
    sends.push_back({static_cast<int>(k / 2), sent[k]});
    receives.push_back({static_cast<int>(k / 2), received[k]});
  }
  comm.exchange(sends, receives);
  for (const Bytes& part : received) EXPECT_EQ(part, Bytes(part.size(), static_cast<std::byte>(comm.rank())));
}

inline void check_groups(const Communicator& comm) {
  EXPECT_EQ(comm.duplicate().size(), comm.size());
  const auto half = comm.split(comm.rank() % 2, -comm.rank());
  ASSERT_TRUE(half.has_value());
  const int others = comm.rank() % 2 == 0 ? (comm.size() + 1) / 2 : comm.size() / 2;
  EXPECT_EQ(half->size(), others);
  EXPECT_EQ(half->job_rank(), comm.job_rank());
  EXPECT_EQ(half->job_rank(0), comm.rank() % 2 == 0 ? (comm.size() - 1) / 2 * 2 : comm.size() / 2 * 2 - 1);
  EXPECT_EQ(half->all_reduce(std::int64_t{1}, ReduceOp::sum), others);
  EXPECT_EQ(comm.split(comm.is_root() ? std::optional<int>() : 0, 0).has_value(), !comm.is_root());
  if (comm.size() < 2 || comm.rank() > 1) return;
  const std::vector<int> first_two{1, 0};
  const Communicator pair = comm.subgroup(first_two);
  EXPECT_EQ(pair.size(), 2);
  EXPECT_EQ(pair.rank(), 1 - comm.rank());
  pair.barrier();
}

inline void check_consent(const Communicator& comm) {
  const auto answer = [&](bool objects) {
    Consent consent(comm, objects ? bytes_of(std::to_string(comm.rank())) : Bytes());
    Waiter waiter;
    while (!consent.poll()) waiter.idle();
    return consent.objection();
  };
  EXPECT_EQ(answer(false), Bytes());
  EXPECT_EQ(answer(comm.rank() >= comm.size() / 2), bytes_of(std::to_string(comm.size() / 2)));
}

/// Small and large messages between rank 0 and each other rank, there and back, in the order sent.
inline void check_transports(const Communicator& comm) {
  if (comm.size() == 1) return;
  constexpr int kMessages = 20;
  const auto size_of = [](int k) { return static_cast<std::size_t>(k % 3 == 2 ? 1000 : k); };
  Waiter waiter;
  if (comm.is_root()) {
    const auto root = make_root_transport(comm, 5);
    for (std::uint32_t worker = 0; worker < root->worker_count(); ++worker) {
      for (int k = 0; k < kMessages; ++k) {
        EncodedMessage message{static_cast<FrameKind>(k), Bytes(size_of(k))};
        root->send({worker}, message.kind, message.body(), message.take_payload());
      }
    }
    std::vector<int> heard(root->worker_count());
    for (int left = kMessages * static_cast<int>(heard.size()); left > 0;) {
      const Frame* const frame = root->poll();
      if (frame == nullptr) {
        waiter.idle();
        continue;
      }
      --left;
      EXPECT_EQ(frame->kind, heard[frame->worker.value]++);
    }
    return;
  }
  const auto end = make_worker_transport(comm, 5);
  for (int k = 0; k < kMessages;) {
    const Frame* const frame = end->poll();
    if (frame == nullptr) {
      waiter.idle();
      continue;
    }
    EXPECT_EQ(frame->kind, k);
    EXPECT_EQ(frame->content().size(), size_of(k));
    EncodedMessage answer{frame->kind, Bytes(size_of(k))};
    end->send(answer.kind, answer.body(), answer.take_payload());
    ++k;
  }
}

inline void check_group(const Communicator& comm) {
  check_values(comm);
  check_exchange(comm);
  check_groups(comm);
  check_consent(comm);
  check_transports(comm);
  comm.barrier();
}

}  // namespace mpipe::test
