// SPDX-License-Identifier: BSD-3-Clause
// Collective calls. The small ones are the non-blocking kind under a `Waiter`; the large ones first wait for
// everybody in that way and then use what MPI has tuned for large data, which waits for nobody any more.
#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/error.hpp>

#include "comm/comm_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>

namespace mpipe {

namespace {

/// Up to here a broadcast is one non-blocking call.
constexpr std::size_t small_bytes = 64 * 1024;
/// No single call of MPI carries more: counts are ints, and buffers inside MPI stay small.
constexpr std::size_t round_bytes = 256 * 1024 * 1024;

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
void reduce_in_place(const CommState& state, std::span<T> values, MPI_Datatype type, ReduceOp op) {
  if (!state.uses_mpi || values.empty()) return;
  MPI_Request request = MPI_REQUEST_NULL;
  state.check(MPI_Iallreduce(MPI_IN_PLACE, values.data(), count_of(values.size()), type, native_op(op),
                             state.raw(), &request),
              "MPI_Iallreduce");
  state.wait(request, "MPI_Iallreduce");
}

/// Calls `transfer(pointer, count)` for consecutive parts that fit into one call of MPI.
template <class Byte, class Transfer>
void in_rounds(std::span<Byte> bytes, Transfer transfer) {
  for (std::size_t done = 0; done < bytes.size(); done += round_bytes) {
    transfer(bytes.data() + done, static_cast<int>(std::min(round_bytes, bytes.size() - done)));
  }
}

/// Sends and receives between pairs of ranks, all at once.
class Transfers {
 public:
  Transfers(const CommState& state, CommTag tag) : state_(state), tag_(static_cast<int>(tag)) {}

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

  const CommState& state_;
  int tag_;
  std::vector<MPI_Request> requests_;
};

void check_root(const CommState& state, int root) {
  if (root < 0 || root >= state.size) throw Bug(fmt::format("root {} of {} ranks", root, state.size));
}

/// The exchange of a rank with itself.
void copy_parts(std::span<const SendPart> sends, std::span<const ReceivePart> receives) {
  if (sends.size() != receives.size())
    throw Bug("Communicator::exchange: parts that nobody receives, or sends");
  for (std::size_t i = 0; i < sends.size(); ++i) {
    const std::span<const std::byte> from = sends[i].bytes;
    if (from.size() != receives[i].bytes.size())
      throw Bug("Communicator::exchange: parts of different sizes");
    std::copy(from.begin(), from.end(), receives[i].bytes.begin());
  }
}

/// What a rank tells about where it is: its host, and the lowest rank that it shares memory with.
struct Whereabouts {
  std::int64_t leader = 0;
  std::string host;
};

std::vector<std::byte> encode(const Whereabouts& where) {
  std::vector<std::byte> bytes(sizeof where.leader + where.host.size());
  std::memcpy(bytes.data(), &where.leader, sizeof where.leader);
  std::memcpy(bytes.data() + sizeof where.leader, where.host.data(), where.host.size());
  return bytes;
}

Whereabouts decode(std::span<const std::byte> bytes) {
  Whereabouts where;
  if (bytes.size() < sizeof where.leader) throw Bug("truncated whereabouts of a rank");
  std::memcpy(&where.leader, bytes.data(), sizeof where.leader);
  const std::span<const std::byte> host = bytes.subspan(sizeof where.leader);
  where.host.assign(reinterpret_cast<const char*>(host.data()), host.size());
  return where;
}

std::int64_t lowest_rank_on_node(const CommState& state) {
  MPI_Comm shared = MPI_COMM_NULL;
  state.check(MPI_Comm_split_type(state.raw(), MPI_COMM_TYPE_SHARED, state.rank, MPI_INFO_NULL, &shared),
              "MPI_Comm_split_type");
  std::int64_t leader = state.rank;
  state.check(MPI_Bcast(&leader, 1, MPI_INT64_T, 0, shared), "MPI_Bcast");
  state.check(MPI_Comm_free(&shared), "MPI_Comm_free");
  return leader;
}

}  // namespace

void Communicator::barrier() const {
  if (!uses_mpi()) return;
  MPI_Request request = MPI_REQUEST_NULL;
  state_->check(MPI_Ibarrier(state_->raw(), &request), "MPI_Ibarrier");
  state_->wait(request, "MPI_Ibarrier");
}

void Communicator::broadcast_into(std::span<std::byte> bytes, int root) const {
  check_root(*state_, root);
  if (!uses_mpi() || size() == 1 || bytes.empty()) return;
  if (bytes.size() <= small_bytes) {
    MPI_Request request = MPI_REQUEST_NULL;
    state_->check(MPI_Ibcast(bytes.data(), count_of(bytes.size()), MPI_BYTE, root, state_->raw(), &request),
                  "MPI_Ibcast");
    state_->wait(request, "MPI_Ibcast");
    return;
  }
  barrier();
  in_rounds(bytes, [&](std::byte* data, int count) {
    state_->check(MPI_Bcast(data, count, MPI_BYTE, root, state_->raw()), "MPI_Bcast");
  });
}

std::vector<std::byte> Communicator::broadcast(std::vector<std::byte> bytes, int root) const {
  bytes.resize(broadcast_value<std::uint64_t>(bytes.size(), root));
  broadcast_into(bytes, root);
  return bytes;
}

std::string Communicator::broadcast_text(std::string text, int root) const {
  text.resize(broadcast_value<std::uint64_t>(text.size(), root));
  broadcast_into(std::as_writable_bytes(std::span<char>(text)), root);
  return text;
}

std::vector<std::vector<std::byte>> Communicator::gather(std::span<const std::byte> bytes, int root) const {
  check_root(*state_, root);
  if (!uses_mpi()) return {std::vector<std::byte>(bytes.begin(), bytes.end())};
  const bool at_root = rank() == root;
  const std::uint64_t mine = bytes.size();
  std::vector<std::uint64_t> sizes(at_root ? static_cast<std::size_t>(size()) : 0);
  MPI_Request request = MPI_REQUEST_NULL;
  state_->check(
      MPI_Igather(&mine, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, root, state_->raw(), &request),
      "MPI_Igather");
  state_->wait(request, "MPI_Igather");

  Transfers transfers(*state_, CommTag::gather);
  std::vector<std::vector<std::byte>> all(sizes.size());
  for (int from = 0; from < static_cast<int>(all.size()); ++from) {
    std::vector<std::byte>& target = all[static_cast<std::size_t>(from)];
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

void Communicator::all_reduce(std::span<std::int64_t> values, ReduceOp op) const {
  reduce_in_place(*state_, values, MPI_INT64_T, op);
}

void Communicator::all_reduce(std::span<double> values, ReduceOp op) const {
  reduce_in_place(*state_, values, MPI_DOUBLE, op);
}

std::int64_t Communicator::all_reduce(std::int64_t value, ReduceOp op) const {
  all_reduce(std::span<std::int64_t>(&value, 1), op);
  return value;
}

double Communicator::all_reduce(double value, ReduceOp op) const {
  all_reduce(std::span<double>(&value, 1), op);
  return value;
}

bool Communicator::all_agree(std::uint64_t hash) const {
  // All are the same when the least one is the greatest one: two's complement turns the order around.
  std::int64_t bounds[2] = {static_cast<std::int64_t>(hash), static_cast<std::int64_t>(~hash)};
  all_reduce(bounds, ReduceOp::min);
  return static_cast<std::uint64_t>(bounds[0]) == ~static_cast<std::uint64_t>(bounds[1]);
}

void Communicator::exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const {
  if (!uses_mpi()) return copy_parts(sends, receives);
  Transfers transfers(*state_, CommTag::exchange);
  for (const ReceivePart& part : receives) transfers.receive(part.rank, part.bytes);
  for (const SendPart& part : sends) transfers.send(part.rank, part.bytes);
  transfers.wait();
}

std::vector<Node> Communicator::nodes() const {
  if (!uses_mpi()) return {{host_name(), {0}}};
  barrier();  // waits patiently, so that the calls below, which do not, are short
  const Whereabouts mine{lowest_rank_on_node(*state_), host_name()};
  std::vector<std::vector<std::byte>> all = gather(encode(mine));
  all.resize(static_cast<std::size_t>(size()));
  std::vector<Node> nodes;
  std::vector<std::size_t> node_of_leader(all.size(), 0);
  for (int rank = 0; rank < size(); ++rank) {
    const Whereabouts where = decode(broadcast(std::move(all[static_cast<std::size_t>(rank)])));
    std::size_t& node = node_of_leader.at(static_cast<std::size_t>(where.leader));
    if (where.leader == rank) {
      node = nodes.size();
      nodes.push_back({where.host, {}});
    }
    nodes.at(node).ranks.push_back(rank);
  }
  return nodes;
}

}  // namespace mpipe
