// SPDX-License-Identifier: BSD-3-Clause
// Collective calls over MPI. The small ones are the non-blocking kind under a `Waiter`; the large ones first
// wait for everybody in that way and then use what MPI has tuned for large data, which waits for nobody.
#include <mpipe/core/error.hpp>

#include "comm/mpi_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace mpipe {

namespace {

/// Up to here a broadcast is one non-blocking call.
constexpr std::size_t kSmallBytes = 64 * 1024;
/// The most bytes of one call of MPI: counts are ints, and buffers inside MPI stay small.
constexpr std::size_t kRoundBytes = 256 * 1024 * 1024;

int count_of(std::size_t size) {
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw Bug(fmt::format("{} values in one call of MPI", size));
  }
  return static_cast<int>(size);
}

MPI_Op native_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return MPI_SUM;
    case ReduceOp::min:
      return MPI_MIN;
    case ReduceOp::max:
      return MPI_MAX;
  }
  throw Bug("unknown ReduceOp");
}

template <class T>
void reduce_in_place(const MpiState& state, std::span<T> values, MPI_Datatype type, ReduceOp op) {
  if (values.empty()) return;
  MPI_Request request = MPI_REQUEST_NULL;
  state.check(MPI_Iallreduce(MPI_IN_PLACE, values.data(), count_of(values.size()), type, native_op(op),
                             state.raw(), &request),
              "MPI_Iallreduce");
  state.wait(request, "MPI_Iallreduce");
}

/// Calls `transfer(pointer, count)` for consecutive parts that fit into one call of MPI.
template <class Byte, class Transfer>
void in_rounds(std::span<Byte> bytes, Transfer transfer) {
  for (std::size_t done = 0; done < bytes.size(); done += kRoundBytes) {
    transfer(bytes.data() + done, static_cast<int>(std::min(kRoundBytes, bytes.size() - done)));
  }
}

/// Sends and receives between pairs of ranks, all at once.
class Transfers {
 public:
  Transfers(const MpiState& state, CommTag tag) : state_(state), tag_(static_cast<int>(tag)) {}

  void send(int to, std::span<const std::byte> bytes) {
    in_rounds(bytes, [&](const std::byte* data, int count) {
      state_.check(MPI_Isend(data, count, MPI_BYTE, to, tag_, state_.raw(), &next()), "MPI_Isend");
    });
  }

  void receive(int from, std::span<std::byte> bytes) {
    in_rounds(bytes, [&](std::byte* data, int count) {
      state_.check(MPI_Irecv(data, count, MPI_BYTE, from, tag_, state_.raw(), &next()), "MPI_Irecv");
    });
  }

  void wait() { state_.wait_all(requests_, "MPI_Testall"); }

 private:
  MPI_Request& next() { return requests_.emplace_back(MPI_REQUEST_NULL); }

  const MpiState& state_;
  int tag_;
  std::vector<MPI_Request> requests_;
};

/// What a rank tells about where it is: the lowest rank that it shares memory with, and its host.
struct Whereabouts {
  std::int64_t leader = 0;
  std::string host;
};

Bytes encode(const Whereabouts& where) {
  ByteWriter out;
  out.put(where.leader);
  out.put_text(where.host);
  return std::move(out.bytes());
}

Whereabouts decode(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "the whereabouts of a rank");
  Whereabouts where;
  where.leader = in.get<std::int64_t>();
  where.host = in.get_text();
  in.expect_end();
  return where;
}

}  // namespace

void MpiState::barrier() const {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(raw(), &request), "MPI_Ibarrier");
  wait(request, "MPI_Ibarrier");
}

void MpiState::broadcast(std::span<std::byte> bytes, int root) const {
  if (facts().size == 1 || bytes.empty()) return;
  if (bytes.size() <= kSmallBytes) {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibcast(bytes.data(), count_of(bytes.size()), MPI_BYTE, root, raw(), &request), "MPI_Ibcast");
    wait(request, "MPI_Ibcast");
    return;
  }
  // MPI_Bcast cannot be given up. Once everybody has passed the barrier, everybody is about to call it, so
  // the wait in it is short.
  barrier();
  in_rounds(bytes, [&](std::byte* data, int count) {
    check(MPI_Bcast(data, count, MPI_BYTE, root, raw()), "MPI_Bcast");
  });
}

/// Sizes come first, so that the root can post receives of the right length. Every rank then sends at the
/// same time, and the root takes them in whatever order they arrive.
std::vector<Bytes> MpiState::gather(std::span<const std::byte> bytes, int root) const {
  const bool at_root = facts().rank == root;
  const std::uint64_t mine = bytes.size();
  std::vector<std::uint64_t> sizes(at_root ? static_cast<std::size_t>(facts().size) : 0);
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Igather(&mine, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, root, raw(), &request),
        "MPI_Igather");
  wait(request, "MPI_Igather");

  Transfers transfers(*this, CommTag::gather);
  std::vector<Bytes> all(sizes.size());
  for (int from = 0; from < static_cast<int>(all.size()); ++from) {
    Bytes& target = all[static_cast<std::size_t>(from)];
    target.resize(sizes[static_cast<std::size_t>(from)]);
    if (from == root) {
      std::copy(bytes.begin(), bytes.end(), target.begin());
    } else {
      transfers.receive(from, target);
    }
  }
  if (!at_root) transfers.send(root, bytes);
  transfers.wait();
  return all;
}

void MpiState::reduce(std::span<std::int64_t> values, ReduceOp op) const {
  reduce_in_place(*this, values, MPI_INT64_T, op);
}

void MpiState::reduce(std::span<double> values, ReduceOp op) const {
  reduce_in_place(*this, values, MPI_DOUBLE, op);
}

/// Receives are posted before sends: what arrives has a place to go, and MPI need not buffer it.
void MpiState::exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const {
  Transfers transfers(*this, CommTag::exchange);
  for (const ReceivePart& part : receives) transfers.receive(part.rank, part.bytes);
  for (const SendPart& part : sends) transfers.send(part.rank, part.bytes);
  transfers.wait();
}

std::int64_t MpiState::lowest_rank_on_node() const {
  MPI_Comm shared = MPI_COMM_NULL;
  check(MPI_Comm_split_type(raw(), MPI_COMM_TYPE_SHARED, facts().rank, MPI_INFO_NULL, &shared),
        "MPI_Comm_split_type");
  std::int64_t leader = facts().rank;
  check(MPI_Bcast(&leader, 1, MPI_INT64_T, 0, shared), "MPI_Bcast");
  check(MPI_Comm_free(&shared), "MPI_Comm_free");
  return leader;
}

std::vector<Node> MpiState::nodes() const {
  const Communicator group(shared_from_this());
  barrier();  // waits patiently, so that the calls below, which do not, are short
  std::vector<Bytes> all = gather(encode({lowest_rank_on_node(), host_name()}), 0);
  all.resize(static_cast<std::size_t>(facts().size));
  std::vector<Node> nodes;
  std::vector<std::size_t> node_of_leader(all.size(), 0);
  for (int rank = 0; rank < facts().size; ++rank) {
    const Whereabouts where = decode(group.broadcast(std::move(all[static_cast<std::size_t>(rank)])));
    std::size_t& node = node_of_leader.at(static_cast<std::size_t>(where.leader));
    // The leader is the lowest rank of its node, so its node exists before any other rank of it is looked at.
    if (where.leader == rank) {
      node = nodes.size();
      nodes.push_back({where.host, {}});
    }
    nodes.at(node).ranks.push_back(rank);
  }
  return nodes;
}

}  // namespace mpipe
