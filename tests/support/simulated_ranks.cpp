// SPDX-License-Identifier: BSD-3-Clause
// A communicator of threads: each rank brings its part of a collective call to a round that all of them share.
#include "support/simulated_ranks.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/loopback.hpp"
#include "comm/comm_state.hpp"
#include "support/simulation_turns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

namespace mpipe::test {
namespace {

struct SharedGroup;

/// Ranks that come to make a subgroup.
struct Arrivals {
  std::shared_ptr<SharedGroup> group;
  std::size_t ranks = 0;
};

/// One collective call, of which each rank brings a part. What the first rank that needs it makes is for all.
struct Round {
  std::string what;
  std::vector<std::optional<Bytes>> parts;
  std::map<std::vector<int>, std::shared_ptr<SharedGroup>> groups;  ///< by the ranks in them
  std::shared_ptr<LoopbackNetwork> network;

  bool complete() const {
    return std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.has_value(); });
  }
};

/// What the ranks of a group share. A rank's k-th collective call is that of the others.
struct SharedGroup {
  SharedGroup(Turns& token, int ranks, int on_a_node)
      : turns(token), size(ranks), ranks_per_node(on_a_node) {}

  /// Another group of some of these ranks.
  std::shared_ptr<SharedGroup> part(int ranks) const {
    return std::make_shared<SharedGroup>(turns, ranks, ranks_per_node);
  }

  std::shared_ptr<Round> round(std::map<std::uint64_t, std::weak_ptr<Round>>& calls, std::uint64_t number,
                               const std::string& what) const {
    std::shared_ptr<Round> found = calls[number].lock();
    if (!found) {
      found = std::make_shared<Round>();
      found->what = what;
      found->parts.resize(static_cast<std::size_t>(size));
      calls[number] = found;
    }
    if (found->what != what)
      throw Bug(fmt::format("a rank calls {} where another one calls {}", what, found->what));
    return found;
  }

  Turns& turns;
  int size;
  int ranks_per_node;
  std::map<std::uint64_t, std::weak_ptr<Round>> rounds;
  std::map<std::uint64_t, std::weak_ptr<Round>> questions;
  /// Subgroups that not all of their ranks have come to.
  std::map<std::vector<int>, std::shared_ptr<Arrivals>> subgroups;
};

class ThreadConsent final : public ConsentState {
 public:
  ThreadConsent(Turns& turns, std::shared_ptr<Round> round) : turns_(turns), round_(std::move(round)) {}

  bool poll() override {
    if (!round_->complete()) {
      turns_.idle("the consent of the other ranks");
      return false;
    }
    const auto objects = [](const auto& part) { return !part->empty(); };
    const auto found = std::find_if(round_->parts.begin(), round_->parts.end(), objects);
    if (found != round_->parts.end()) objection_ = **found;
    return true;
  }
  const Bytes& objection() const override { return objection_; }

 private:
  Turns& turns_;
  std::shared_ptr<Round> round_;
  Bytes objection_;
};

/// The ends of a network whose users pass the token on.
class TurningRoot final : public RootTransport {
 public:
  TurningRoot(Turns& turns, std::shared_ptr<LoopbackNetwork> network)
      : turns_(turns), network_(std::move(network)) {}

  std::uint32_t worker_count() const override { return network_->root().worker_count(); }
  void send(WorkerId worker, FrameKind kind, std::span<const std::byte> body, Bytes payload) override {
    turns_.step(fmt::format("sends {} to worker {}", kind, worker.value));
    network_->root().send(worker, kind, body, std::move(payload));
  }
  const Frame* poll() override {
    const Frame* const frame = network_->root().poll();
    if (frame == nullptr) {
      turns_.idle("a message of a worker");
    } else {
      turns_.step(fmt::format("gets {} of worker {}", frame->kind, frame->worker.value));
    }
    return frame;
  }
  bool all_sent() override { return true; }
  bool transferring() const override { return false; }

 private:
  Turns& turns_;
  std::shared_ptr<LoopbackNetwork> network_;
};

class TurningWorker final : public WorkerTransport {
 public:
  TurningWorker(Turns& turns, std::shared_ptr<LoopbackNetwork> network, WorkerId worker)
      : turns_(turns), network_(std::move(network)), end_(network_->worker(worker)) {}

  WorkerId worker() const override { return end_.worker(); }
  void send(FrameKind kind, std::span<const std::byte> body, Bytes payload) override {
    turns_.step(fmt::format("sends {} to the root", kind));
    end_.send(kind, body, std::move(payload));
  }
  const Frame* poll() override {
    const Frame* const frame = end_.poll();
    if (frame == nullptr) {
      turns_.idle("a message of the root");
    } else {
      turns_.step(fmt::format("gets {}", frame->kind));
    }
    return frame;
  }
  bool all_sent() override { return true; }
  bool transferring() const override { return false; }

 private:
  Turns& turns_;
  std::shared_ptr<LoopbackNetwork> network_;
  WorkerTransport& end_;
};

/// A group of simulated ranks. Threads of their own are not allowed to them, as nothing would decide when
/// those run.
class ThreadState final : public CommState {
 public:
  ThreadState(std::shared_ptr<SharedGroup> shared, Facts facts)
      : CommState(std::move(facts)), shared_(std::move(shared)) {}

  bool threads_allowed() const override { return false; }
  std::vector<Node> nodes() const override {
    barrier();
    std::vector<Node> nodes;
    std::map<int, std::size_t> place;
    for (int rank = 0; rank < facts().size; ++rank) {
      const auto [found, is_new] = place.emplace(job_rank(rank) / shared_->ranks_per_node, nodes.size());
      if (is_new) nodes.push_back({fmt::format("node-{}", found->first), {}});
      nodes[found->second].ranks.push_back(rank);
    }
    return nodes;
  }
  void barrier() const override { meet("a barrier", {}); }
  void broadcast(std::span<std::byte> bytes, int root) const override {
    const bool brings = facts().rank == root;
    const auto round = meet(fmt::format("a broadcast of {} bytes from rank {}", bytes.size(), root),
                            brings ? copy(bytes) : Bytes());
    const Bytes& all = *round->parts[static_cast<std::size_t>(root)];
    std::copy(all.begin(), all.end(), bytes.begin());
  }
  std::vector<Bytes> gather(std::span<const std::byte> bytes, int root) const override {
    const auto round = meet(fmt::format("a gather to rank {}", root), copy(bytes));
    std::vector<Bytes> all;
    if (facts().rank != root) return all;
    for (const auto& part : round->parts) all.push_back(*part);
    return all;
  }
  void reduce(std::span<std::int64_t> values, ReduceOp op) const override { reduce_values(values, op); }
  void reduce(std::span<double> values, ReduceOp op) const override { reduce_values(values, op); }

  void exchange(std::span<const SendPart> sends, std::span<const ReceivePart> receives) const override {
    ByteWriter mine;
    for (const SendPart& part : sends) {
      mine.put(part.rank);
      mine.put_bytes(part.bytes);
    }
    const auto round = meet("an exchange", std::move(mine.bytes()));
    std::vector<ByteReader> from;
    for (const auto& part : round->parts) from.emplace_back(*part, "an exchange");
    for (const ReceivePart& part : receives)
      receive(from.at(static_cast<std::size_t>(part.rank)), part.bytes);
  }
  std::unique_ptr<ConsentState> ask(Bytes objection) const override {
    const auto question = shared_->round(shared_->questions, next_question_++, "a question");
    question->parts[static_cast<std::size_t>(facts().rank)] = std::move(objection);
    shared_->turns.step("asks for consent");
    return std::make_unique<ThreadConsent>(shared_->turns, question);
  }

  std::shared_ptr<const CommState> split(std::optional<int> color, int key) const override {
    ByteWriter mine;
    mine.put(color.value_or(-1));
    mine.put(key);
    const auto round = meet("a split", std::move(mine.bytes()));
    if (!color) return nullptr;
    std::vector<std::pair<int, int>> members;  // by key, then by rank
    for (int rank = 0; rank < facts().size; ++rank) {
      ByteReader its(*round->parts[static_cast<std::size_t>(rank)], "a split");
      if (its.get<int>() == *color) members.emplace_back(its.get<int>(), rank);
    }
    std::sort(members.begin(), members.end());
    std::vector<int> ranks;
    for (const auto& member : members) ranks.push_back(member.second);
    return join(*round, ranks);
  }
  std::shared_ptr<const CommState> subgroup(std::span<const int> members) const override {
    const std::vector<int> ranks(members.begin(), members.end());
    std::shared_ptr<Arrivals>& here = shared_->subgroups[ranks];
    if (!here) {
      here = std::make_shared<Arrivals>();
      here->group = shared_->part(static_cast<int>(ranks.size()));
    }
    const std::shared_ptr<Arrivals> arrivals = here;
    if (++arrivals->ranks == ranks.size()) shared_->subgroups.erase(ranks);  // the next one begins anew
    shared_->turns.wait_until([&] { return arrivals->ranks == ranks.size(); },
                              "the other ranks of a subgroup");
    return part_of(arrivals->group, ranks);
  }
  std::shared_ptr<const CommState> duplicate() const override {
    std::vector<int> ranks(static_cast<std::size_t>(facts().size));
    std::iota(ranks.begin(), ranks.end(), 0);
    return join(*meet("a duplicate", {}), ranks);
  }

  std::unique_ptr<RootTransport> root_transport(RunId run) const override {
    return std::make_unique<TurningRoot>(shared_->turns, network(run));
  }
  std::unique_ptr<WorkerTransport> worker_transport(RunId run) const override {
    return std::make_unique<TurningWorker>(shared_->turns, network(run),
                                           WorkerId{static_cast<std::uint32_t>(facts().rank - 1)});
  }

 private:
  static Bytes copy(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

  /// Brings this rank's part of a call, and waits for those of the others.
  std::shared_ptr<Round> meet(const std::string& what, Bytes mine) const {
    const auto round = shared_->round(shared_->rounds, next_round_++, what);
    round->parts[static_cast<std::size_t>(facts().rank)] = std::move(mine);
    shared_->turns.step(what);
    shared_->turns.wait_until([&] { return round->complete(); }, "the other ranks in " + what);
    return round;
  }
  template <class T>
  void reduce_values(std::span<T> values, ReduceOp op) const {
    if (values.empty()) return;
    const auto round = meet("a reduction", copy(std::as_bytes(values)));
    for (std::size_t k = 0; k < round->parts.size(); ++k) {
      std::vector<T> part(values.size());
      if (round->parts[k]->size() != values.size_bytes()) throw Bug("a reduction of other numbers of values");
      std::memcpy(part.data(), round->parts[k]->data(), values.size_bytes());
      for (std::size_t i = 0; i < part.size(); ++i)
        values[i] = k == 0 ? part[i] : combined(values[i], part[i], op);
    }
  }
  template <class T>
  static T combined(T a, T b, ReduceOp op) {
    return op == ReduceOp::sum ? a + b : op == ReduceOp::min ? std::min(a, b) : std::max(a, b);
  }
  /// The next part for this rank of what another one sends.
  void receive(ByteReader& from, std::span<std::byte> into) const {
    for (;;) {
      const int to = from.get<int>();
      const auto bytes = from.get_bytes();
      if (to != facts().rank) continue;
      if (bytes.size() != into.size()) throw Bug("an exchange of parts of different sizes");
      std::copy(bytes.begin(), bytes.end(), into.begin());
      return;
    }
  }
  std::shared_ptr<const CommState> join(Round& round, const std::vector<int>& ranks) const {
    auto& group = round.groups[ranks];
    if (!group) group = shared_->part(static_cast<int>(ranks.size()));
    return part_of(group, ranks);
  }
  std::shared_ptr<const CommState> part_of(std::shared_ptr<SharedGroup> group,
                                           const std::vector<int>& ranks) const {
    const auto place = std::find(ranks.begin(), ranks.end(), facts().rank) - ranks.begin();
    return std::make_shared<const ThreadState>(std::move(group),
                                               facts_of_part(ranks, static_cast<int>(place)));
  }
  std::shared_ptr<LoopbackNetwork> network(RunId run) const {
    const auto round = meet("making a transport", {});
    if (!round->network) {
      Turns& turns = shared_->turns;
      round->network = std::make_shared<LoopbackNetwork>(
          static_cast<std::uint32_t>(facts().size - 1), run,
          [&turns](const FrameInfo&) { return Delivery{.delay_polls = static_cast<int>(turns.pick(4))}; });
    }
    return round->network;
  }

  std::shared_ptr<SharedGroup> shared_;
  mutable std::uint64_t next_round_ = 0;
  mutable std::uint64_t next_question_ = 0;
};

}  // namespace

EventLog simulate_ranks(int ranks, std::uint64_t seed,
                        const std::function<void(const Communicator&)>& program, int ranks_per_node) {
  Turns turns(ranks, seed);
  const auto shared = std::make_shared<SharedGroup>(turns, ranks, ranks_per_node);
  turns.run([&](int rank) {
    program(Communicator(
        std::make_shared<const ThreadState>(shared, CommState::Facts{.rank = rank, .size = ranks})));
  });
  return turns.log();
}

}  // namespace mpipe::test
