// SPDX-License-Identifier: BSD-3-Clause
// Groups that outlive some of their ranks. Everything collective is a star: each rank talks to rank 0 alone, which knows
// who is lost. What MPI writes to belongs to the transfer, and is left to MPI where a wait is given up.
#include "comm/surviving_state.hpp"

#include <mpipe/comm/environment.hpp>
#include <mpipe/core/error.hpp>

#include "comm/api/survival.hpp"
#include "comm/frame_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace mpipe {

/// One message may be several of MPI, whose counts are ints.
class Transfer {
 public:
  /// A message to another rank; `bytes` is copied.
  Transfer(const MpiState& mpi, int rank, int peer, int tag, std::span<const std::byte> bytes)
      : Transfer(mpi, rank, Bytes(bytes.begin(), bytes.end())) {
    for_each_part([&](std::byte* data, int count, MPI_Request& request) {
      mpi_.check(MPI_Isend(data, count, MPI_BYTE, peer, tag, mpi_.raw(), &request), "MPI_Isend");
    });
  }
  /// One from another rank.
  Transfer(const MpiState& mpi, int rank, int peer, int tag, std::size_t size)
      : Transfer(mpi, rank, Bytes(size)) {
    for_each_part([&](std::byte* data, int count, MPI_Request& request) {
      mpi_.check(MPI_Irecv(data, count, MPI_BYTE, peer, tag, mpi_.raw(), &request), "MPI_Irecv");
    });
  }

  int rank() const { return rank_; }  ///< in the group, of the other end
  Bytes& bytes() { return bytes_; }
  bool poll() {
    int done = 0;
    mpi_.check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, MPI_STATUSES_IGNORE),
               "MPI_Testall");
    return done != 0;
  }

 private:
  static constexpr std::size_t kPartBytes = std::size_t{256} << 20;

  Transfer(const MpiState& mpi, int rank, Bytes bytes)
      : mpi_(mpi),
        rank_(rank),
        bytes_(std::move(bytes)),
        requests_((bytes_.size() + kPartBytes - 1) / kPartBytes, MPI_REQUEST_NULL) {}

  template <class Start>
  void for_each_part(Start start) {
    for (std::size_t k = 0; k < requests_.size(); ++k) {
      const std::size_t begin = k * kPartBytes;
      start(bytes_.data() + begin, static_cast<int>(std::min(kPartBytes, bytes_.size() - begin)),
            requests_[k]);
    }
  }

  const MpiState& mpi_;
  int rank_;
  Bytes bytes_;
  std::vector<MPI_Request> requests_;
};

namespace {

/// A group has so many tags: its own messages, and two kinds of frames.
constexpr int kTagsOfGroup = 4;
enum Kind : int { kOwn = 0, kFrame = 1, kPayload = 2, kMeeting = 3 };

Waiter collective_waiter(WaitOptions options) {
  options.yields = true;
  return Waiter(options);
}

template <class T>
void combine(std::span<T> values, const Bytes& with, ReduceOp op) {
  ByteReader in(with, "the values of another rank");
  for (T& value : values) {
    const T other = in.get<T>();
    if (op == ReduceOp::sum) value += other;
    if (op == ReduceOp::min) value = std::min(value, other);
    if (op == ReduceOp::max) value = std::max(value, other);
  }
}

[[noreturn]] void throw_given_up() {
  throw Error(Category::rank_lost,
              "a rank was lost, so that what the ranks did together is over. They go on without it.");
}

const SurvivingState* surviving_state(const Communicator& group) {
  return dynamic_cast<const SurvivingState*>(&group.state());
}

const SurvivingState& required_state(const Communicator& group) {
  if (const SurvivingState* state = surviving_state(group)) return *state;
  throw Bug("a group that does not outlive its ranks was asked for those that are lost");
}

}  // namespace

SurvivingState::SurvivingState(std::shared_ptr<Survivors> survivors, Facts facts, std::vector<int> ranks,
                               int context, std::uint32_t epoch)
    : CommState(std::move(facts)),
      survivors_(std::move(survivors)),
      ranks_(std::move(ranks)),
      context_(context),
      epoch_(epoch) {}

int SurvivingState::tag(int kind) const { return context_ * kTagsOfGroup + kind; }

void SurvivingState::check() const {
  if (lasting()) return;
  if (facts().rank == 0 && survivors_->life->lost_count() > 0)
    for (int rank = 1; rank < facts().size; ++rank)
      if (is_lost(rank)) give_up();
  check_given_up();
}

void SurvivingState::check_given_up() const {
  if (!given_up()) return;
  // Whoever is lost would be waited for at the end of MPI.
  *facts().broken = true;
  throw_given_up();
}

void SurvivingState::send(Transfers& transfers, int rank, std::span<const std::byte> bytes) const {
  if (bytes.empty() || is_lost(rank)) return;
  transfers.push_back(std::make_unique<Transfer>(*survivors_->mpi, rank, peer(rank), tag(kOwn), bytes));
}

void SurvivingState::receive(Transfers& transfers, int rank, std::size_t size) const {
  transfers.push_back(std::make_unique<Transfer>(*survivors_->mpi, rank, peer(rank), tag(kOwn), size));
}

/// In a lasting group those of ranks that are lost become null. What is not over when this throws is leaked: MPI may
/// still write to it.
void SurvivingState::wait(Transfers& transfers) const {
  std::vector<std::unique_ptr<Transfer>*> open;
  for (auto& transfer : transfers) open.push_back(&transfer);
  try {
    Waiter waiter = collective_waiter(facts().wait_options);
    for (;;) {
      std::erase_if(open, [&](std::unique_ptr<Transfer>* transfer) {
        if ((*transfer)->poll()) return true;
        if (!lasting() || !is_lost((*transfer)->rank())) return false;
        static_cast<void>(transfer->release());
        return true;
      });
      if (open.empty()) return;
      check();
      waiter.idle();
      if (waiter.expired()) throw_expired(waiter);
    }
  } catch (...) {
    for (auto& transfer : transfers) static_cast<void>(transfer.release());
    throw;
  }
}

std::vector<Bytes> SurvivingState::wait_for_all(Transfers& transfers, std::span<const std::byte> own) const {
  wait(transfers);
  std::vector<Bytes> all(static_cast<std::size_t>(facts().size));
  all[0].assign(own.begin(), own.end());
  for (auto& transfer : transfers)
    if (transfer) all[static_cast<std::size_t>(transfer->rank())] = std::move(transfer->bytes());
  return all;
}

void SurvivingState::throw_expired(const Waiter& waiter) const {
  throw Error(
      Category::rank_lost,
      fmt::format("Rank {} on {} waited {:.1f} s for other ranks and gave up. Look at the logs of the other "
                  "ranks; the limit is MPIPE_WAIT_LIMIT.",
                  job_rank(facts().rank), host_name(), seconds(waiter.waited())));
}

Bytes SurvivingState::receive_from(int rank, std::size_t size) const {
  Transfers transfers;
  receive(transfers, rank, size);
  wait(transfers);
  if (transfers.front()) return std::move(transfers.front()->bytes());
  throw Error(Category::rank_lost,
              fmt::format("rank {} was lost while it told something to all.", job_rank(rank)));
}

void SurvivingState::send_to(int rank, std::span<const std::byte> bytes) const {
  Transfers transfers;
  send(transfers, rank, bytes);
  wait(transfers);
}

/// Rank 0: what every rank sent, of equal size; nothing from those that are lost. The others: sends.
std::vector<Bytes> SurvivingState::collect(std::span<const std::byte> bytes) const {
  check();
  if (facts().rank != 0) {
    send_to(0, bytes);
    return {};
  }
  Transfers transfers;
  for (int rank = 1; rank < facts().size; ++rank)
    if (!lasting() || !is_lost(rank)) receive(transfers, rank, bytes.size());
  return wait_for_all(transfers, bytes);
}

void SurvivingState::broadcast(std::span<std::byte> bytes, int root) const {
  check();
  if (facts().size == 1 || bytes.empty()) return;
  if (facts().rank == root && root != 0) return send_to(0, bytes);
  if (facts().rank == 0) {
    if (root != 0) {
      const Bytes told = receive_from(root, bytes.size());
      std::copy(told.begin(), told.end(), bytes.begin());
    }
    Transfers transfers;
    for (int rank = 1; rank < facts().size; ++rank)
      if (rank != root) send(transfers, rank, bytes);
    return wait(transfers);
  }
  const Bytes told = receive_from(0, bytes.size());
  std::copy(told.begin(), told.end(), bytes.begin());
}

void SurvivingState::barrier() const {
  std::int64_t nothing = 0;
  reduce(std::span(&nothing, 1), ReduceOp::sum);
}

template <class T>
void SurvivingState::reduce_all(std::span<T> values, ReduceOp op) const {
  const std::vector<Bytes> all = collect(std::as_bytes(values));
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (!all[rank].empty()) combine(values, all[rank], op);
  broadcast(std::as_writable_bytes(values), 0);
}

void SurvivingState::reduce(std::span<std::int64_t> values, ReduceOp op) const {
  if (!values.empty()) reduce_all(values, op);
}

void SurvivingState::reduce(std::span<double> values, ReduceOp op) const {
  if (!values.empty()) reduce_all(values, op);
}

std::vector<Bytes> SurvivingState::gather(std::span<const std::byte> bytes, int root) const {
  if (root != 0) throw Bug("a group that outlives its ranks gathers at rank 0 only");
  const std::uint64_t mine = bytes.size();
  const std::vector<Bytes> sizes = collect(std::as_bytes(std::span(&mine, 1)));
  if (facts().rank != 0) {
    send_to(0, bytes);
    return {};
  }
  Transfers transfers;
  for (int rank = 1; rank < facts().size; ++rank) {
    const Bytes& size = sizes[static_cast<std::size_t>(rank)];
    if (size.empty()) continue;
    if (const auto count = ByteReader(size, "a size").get<std::uint64_t>()) receive(transfers, rank, count);
  }
  return wait_for_all(transfers, bytes);
}

/// Parts for this rank itself go by MPI as well: it sends to itself as to others.
void SurvivingState::exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const {
  check();
  Transfers transfers;
  for (const ReceivePart& part : receives) receive(transfers, part.rank, part.bytes.size());
  for (const SendPart& part : sends) send(transfers, part.rank, part.bytes);
  wait(transfers);
  for (std::size_t k = 0; k < receives.size(); ++k) {
    if (!transfers[k]) continue;
    const Bytes& got = transfers[k]->bytes();
    std::copy(got.begin(), got.end(), receives[k].bytes.begin());
  }
}

std::unique_ptr<ConsentState> SurvivingState::ask(Bytes) const {
  throw Error(
      Category::not_supported,
      "functions of several ranks cannot be in a run that goes on when a rank dies. Leave --survive out.");
}

std::shared_ptr<const CommState> SurvivingState::subgroup(std::span<const int>) const {
  throw Error(Category::not_supported,
              "ranks cannot be divided in a run that goes on when a rank dies. Leave --survive out.");
}

/// The same on all ranks, and new on each of them.
int SurvivingState::new_context() const {
  std::int64_t context = survivors_->next_context;
  reduce(std::span(&context, 1), ReduceOp::max);
  survivors_->next_context = static_cast<int>(context) + 1;
  return static_cast<int>(context);
}

std::shared_ptr<const SurvivingState> SurvivingState::part(std::span<const int> ranks) const {
  const int context = new_context();
  const auto here = std::find(ranks.begin(), ranks.end(), facts().rank);
  if (here == ranks.end()) return nullptr;
  std::vector<int> peers;
  for (const int rank : ranks) peers.push_back(peer(rank));
  return std::make_shared<const SurvivingState>(survivors_,
                                                facts_of_part(ranks, static_cast<int>(here - ranks.begin())),
                                                std::move(peers), context, epoch_);
}

std::shared_ptr<const CommState> SurvivingState::duplicate() const {
  std::vector<int> all(static_cast<std::size_t>(facts().size));
  std::iota(all.begin(), all.end(), 0);
  return part(all);
}

std::shared_ptr<const CommState> SurvivingState::split(std::optional<int> color, int key) const {
  const std::int64_t mine[2] = {color.value_or(-1), key};
  std::vector<std::int64_t> table(2 * static_cast<std::size_t>(facts().size), -1);
  std::size_t at = 0;
  for (const Bytes& told : collect(std::as_bytes(std::span(mine)))) {
    if (!told.empty()) {
      ByteReader in(told, "the color of a rank");
      table[2 * at] = in.get<std::int64_t>();
      table[2 * at + 1] = in.get<std::int64_t>();
    }
    ++at;
  }
  broadcast(std::as_writable_bytes(std::span(table)), 0);
  std::vector<int> members;
  for (int rank = 0; rank < facts().size; ++rank)
    if (color && table[2 * static_cast<std::size_t>(rank)] == *color) members.push_back(rank);
  std::stable_sort(members.begin(), members.end(), [&](int a, int b) {
    return table[2 * static_cast<std::size_t>(a) + 1] < table[2 * static_cast<std::size_t>(b) + 1];
  });
  return part(members);
}

std::vector<Node> SurvivingState::nodes() const {
  std::vector<Node> nodes;
  std::vector<std::size_t> seen;
  for (int rank = 0; rank < facts().size; ++rank) {
    const std::size_t number = survivors_->nodes[static_cast<std::size_t>(peer(rank))];
    const auto at = static_cast<std::size_t>(std::find(seen.begin(), seen.end(), number) - seen.begin());
    if (at == seen.size()) {
      seen.push_back(number);
      nodes.push_back({survivors_->hosts[static_cast<std::size_t>(peer(rank))], {}});
    }
    nodes[at].ranks.push_back(rank);
  }
  return nodes;
}

namespace {

/// What rank 0 answers those who meet.
struct Invitation {
  std::uint32_t epoch = 0;
  int context = 0;
  std::vector<int> ranks;  ///< of the lasting group
};

constexpr std::size_t kInvitationWords = 3;

}  // namespace

/// Rank 0 waits for all that are alive: one that computes comes when its element is over. Those who came are told who is
/// there. One that is lost after it came is found to be so in the meeting, which is then given up.
std::shared_ptr<const SurvivingState> SurvivingState::meet() const {
  if (!lasting()) throw Bug("ranks of a meeting meet");
  const std::int64_t mine = survivors_->next_context;
  const std::vector<Bytes> came = collect(std::as_bytes(std::span(&mine, 1)));
  Invitation made{survivors_->epoch + 1, static_cast<int>(mine), {}};
  for (std::size_t rank = 0; rank < came.size(); ++rank) {
    if (came[rank].empty()) continue;
    made.ranks.push_back(static_cast<int>(rank));
    made.context =
        std::max(made.context, static_cast<int>(ByteReader(came[rank], "a number").get<std::int64_t>()));
  }
  std::int64_t words[kInvitationWords] = {made.epoch, made.context,
                                          static_cast<std::int64_t>(made.ranks.size())};
  broadcast(std::as_writable_bytes(std::span(words)), 0);
  made.epoch = static_cast<std::uint32_t>(words[0]);
  made.context = static_cast<int>(words[1]);
  made.ranks.resize(static_cast<std::size_t>(words[2]));
  broadcast(std::as_writable_bytes(std::span(made.ranks)), 0);
  survivors_->epoch = made.epoch;
  survivors_->next_context = made.context + 1;
  const auto here = std::find(made.ranks.begin(), made.ranks.end(), facts().rank);
  if (here == made.ranks.end()) throw Bug("a rank that came to a meeting is not in it");
  std::vector<int> peers;
  for (const int rank : made.ranks) peers.push_back(peer(rank));
  return std::make_shared<const SurvivingState>(
      survivors_, facts_of_part(made.ranks, static_cast<int>(here - made.ranks.begin())), std::move(peers),
      made.context, made.epoch);
}

namespace {

FramePath frame_path(const std::shared_ptr<const SurvivingState>& state, int frame_tag, int payload_tag) {
  FramePath path;
  path.group = state;
  path.comm = state->survivors().mpi->raw();
  path.frame_tag = frame_tag;
  path.payload_tag = payload_tag;
  path.ranks = state->ranks();
  path.look = [raw = state.get()] { raw->check_given_up(); };
  return path;
}

}  // namespace

/// A group of its own, so that frames of one run are not taken for those of another.
std::unique_ptr<RootTransport> SurvivingState::root_transport(RunId run) const {
  std::vector<int> all(static_cast<std::size_t>(facts().size));
  std::iota(all.begin(), all.end(), 0);
  const auto own = part(all);
  return make_root_end(frame_path(own, own->tag(kFrame), own->tag(kPayload)), run);
}

std::unique_ptr<WorkerTransport> SurvivingState::worker_transport(RunId run) const {
  std::vector<int> all(static_cast<std::size_t>(facts().size));
  std::iota(all.begin(), all.end(), 0);
  const auto own = part(all);
  return make_worker_end(frame_path(own, own->tag(kFrame), own->tag(kPayload)), run);
}

/// Collective. Everything that needs calls of MPI by all ranks is done now, while all are alive.
std::shared_ptr<const CommState> MpiState::surviving() const {
  if (!threads_allowed())
    throw Error(
        Category::not_supported,
        "a run that goes on when a rank dies needs a thread beside that of MPI (MPI was initialised for "
        "programs without any). Ask MPI_Init_thread for MPI_THREAD_FUNNELED.");
  auto survivors = std::make_shared<Survivors>();
  survivors->mpi = copy();
  survivors->hosts.resize(static_cast<std::size_t>(facts().size));
  survivors->nodes.resize(survivors->hosts.size());
  const std::vector<Node> all = nodes();
  for (std::size_t node = 0; node < all.size(); ++node)
    for (const int rank : all[node].ranks) {
      survivors->hosts[static_cast<std::size_t>(rank)] = all[node].host;
      survivors->nodes[static_cast<std::size_t>(rank)] = node;
    }
  survivors->life = std::make_unique<Lifeline>(Communicator(shared_from_this()), survivors->hosts);
  std::vector<int> ranks(survivors->hosts.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  return std::make_shared<const SurvivingState>(survivors, facts(), std::move(ranks), 0, 0);
}

bool survives(const Communicator& group) { return surviving_state(group) != nullptr; }

std::size_t lost_count(const Communicator& group) {
  const SurvivingState* const state = surviving_state(group);
  return state == nullptr ? 0 : state->survivors().life->lost_count();
}

std::vector<LostRank> lost_ranks(const Communicator& group) {
  const SurvivingState& state = required_state(group);
  std::vector<LostRank> lost;
  for (const Lifeline::Loss& loss : state.survivors().life->lost()) {
    const auto& ranks = state.ranks();
    const auto at = std::find(ranks.begin(), ranks.end(), loss.rank);
    if (at == ranks.end()) continue;
    const int rank = static_cast<int>(at - ranks.begin());
    lost.push_back(
        {rank, state.job_rank(rank), state.survivors().hosts[static_cast<std::size_t>(loss.rank)], loss.why});
  }
  return lost;
}

Communicator meet(const Communicator& lasting) { return Communicator(required_state(lasting).meet()); }

void give_up(const Communicator& meeting) { required_state(meeting).give_up(); }

bool is_given_up(const Communicator& meeting) {
  const SurvivingState* const state = surviving_state(meeting);
  return state != nullptr && state->given_up();
}

/// All learn whether somebody is lost, as MPI then cannot end in its own way. Who has heard that needs nobody any more.
void part_in_order(const Communicator& group) {
  const SurvivingState* const state = surviving_state(group);
  if (state == nullptr) return;
  group.barrier();
  if (group.broadcast_value(static_cast<std::uint64_t>(lost_count(group))) > 0) group.abandon();
  state->survivors().life->part();
}

}  // namespace mpipe
