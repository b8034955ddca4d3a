// SPDX-License-Identifier: BSD-3-Clause
// Rank 0 and the subgroups of a launch in one process: a thread per rank, messages that come late.
#include <mpipe/core/error.hpp>

#include "comm/api/loopback.hpp"
#include "launch/launch_director.hpp"
#include "launch/launch_subgroups.hpp"
#include "launch/subgroup_link.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

namespace mpipe {
namespace {

constexpr RunId kLaunch = 7;

/// What rank 0 heard of the runs.
class Heard final : public RunEvents {
 public:
  explicit Heard(std::uint32_t runs) : over(runs, 0), progress(runs, 0), dropped(runs, false) {}
  Bytes request(MapId run) override { return to_bytes("run " + std::to_string(run.value)); }
  void on_message(LaunchMessage message) override {
    EXPECT_EQ(over.at(message.run.value), 0) << "news of a run that is over";
    if (message.kind == LaunchKind::progress) ++progress[message.run.value];
    if (message.kind == LaunchKind::over) {
      ++over[message.run.value];
      last[message.run.value] = to_text(message.payload);
    }
  }
  void on_dropped(MapId run) override { dropped.at(run.value) = true; }

  std::vector<int> over;
  std::vector<int> progress;
  std::vector<bool> dropped;
  std::map<std::uint32_t, std::string> last;
};

/// What leaders tell the ranks of subgroups that may join, as MPI does it elsewhere.
class Answers {
 public:
  enum class Word { no, yes, over };
  void say(std::uint32_t worker, Word word) {
    const std::lock_guard lock(mutex_);
    words_[worker].push_back(word);
  }
  Word hear(std::uint32_t worker) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        auto& words = words_[worker];
        if (!words.empty()) {
          const Word word = words.front();
          words.pop_front();
          return word;
        }
      }
      std::this_thread::yield();
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::uint32_t, std::deque<Word>> words_;
};

struct Counts {
  std::atomic<int> begun{0};
  std::atomic<int> joined{0};
};

/// A subgroup that computes for some turns, takes others or not, and stops when it is told to.
class PretendedWork final : public SubgroupWork {
 public:
  PretendedWork(std::uint32_t worker, const LaunchSubgroups& subgroups, unsigned seed, Answers& answers,
                Counts& counts)
      : worker_(worker), subgroups_(subgroups), random_(seed), answers_(answers), counts_(counts) {}

  void compute(MapId run, SubgroupId, Bytes request, SubgroupLink& link) override {
    if (subgroups_.place_of(static_cast<int>(worker_) + 1) != 0) {
      EXPECT_TRUE(request.empty());
      return;
    }
    EXPECT_EQ(to_text(request), "run " + std::to_string(run.value));
    ++counts_.begun;
    LeaderControl control(link, run);
    bool cancelled = false;
    std::vector<SubgroupId> members;
    for (unsigned turn = random_() % 60; turn > 0 && !cancelled; --turn) {
      cancelled = control.cancelled();
      link.send({LaunchKind::progress, run, 0, {}});
      if (turn % 8 == 0) take_subgroups(control, run, link, members);
      std::this_thread::yield();
    }
    for (const SubgroupId subgroup : control.take_offers()) decline(run, subgroup, link);
    for (const SubgroupId subgroup : members) say(subgroup, Answers::Word::over);
    link.send({LaunchKind::over, run, 0, to_bytes(cancelled ? "cancelled" : "completed")});
  }

  void join(MapId, int leader, SubgroupLink&) override {
    EXPECT_EQ(subgroups_.place_of(leader), 0);
    if (answers_.hear(worker_) == Answers::Word::no) return;
    ++counts_.joined;
    EXPECT_EQ(answers_.hear(worker_), Answers::Word::over);
  }

  void decline(MapId run, SubgroupId subgroup, SubgroupLink& link) override {
    say(subgroup, Answers::Word::no);
    link.send({LaunchKind::declined, run, subgroup.value, {}});
  }

 private:
  void take_subgroups(LeaderControl& control, MapId run, SubgroupLink& link,
                      std::vector<SubgroupId>& members) {
    for (const SubgroupId subgroup : control.take_offers()) {
      say(subgroup, Answers::Word::yes);
      link.send({LaunchKind::joined, run, subgroup.value, {}});
      members.push_back(subgroup);
    }
  }
  void say(SubgroupId subgroup, Answers::Word word) {
    for (const WorkerId worker : subgroups_.workers.at(subgroup.value)) answers_.say(worker.value, word);
  }

  std::uint32_t worker_;
  const LaunchSubgroups& subgroups_;
  std::mt19937 random_;
  Answers& answers_;
  Counts& counts_;
};

struct Ranks {
  Ranks(LoopbackNetwork& network, const LaunchSubgroups& subgroups, unsigned seed, Counts& counts) {
    for (std::uint32_t k = 0; k < network.root().worker_count(); ++k)
      threads.emplace_back([this, &network, &subgroups, &counts, k, seed] {
        SubgroupLink link(network.worker({k}));
        PretendedWork work(k, subgroups, seed * 31 + k, answers, counts);
        EXPECT_EQ(to_text(serve_subgroup(link, work, {})), "the end");
      });
  }
  ~Ranks() {
    for (std::thread& thread : threads) thread.join();
  }
  Answers answers;
  std::vector<std::thread> threads;
};

LaunchSubgroups subgroups_of(std::uint32_t workers, int count) {
  NodeResources node;
  for (std::uint32_t rank = 0; rank <= workers; ++rank) node.ranks.push_back(static_cast<int>(rank));
  return divide_ranks({{node}}, count);
}

TEST(LaunchProtocol, AnyDelaysAndCancellationsComeToAnEnd) {
  int cancelled = 0;
  int joined = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::uint32_t workers = 1 + random() % 4;
    const std::uint32_t runs = 1 + random() % 6;
    std::mt19937 delays(seed + 1);
    LoopbackNetwork network(workers, kLaunch, [&delays](const FrameInfo&) {
      return Delivery{1, static_cast<int>(delays() % 20), false};
    });
    const LaunchSubgroups subgroups = subgroups_of(workers, 1 + static_cast<int>(random() % 3));
    Heard heard(runs);
    Counts counts;
    {
      const Ranks ranks(network, subgroups, seed, counts);
      LaunchDirector director(network.root(), runs, subgroups.workers, heard);
      while (!director.finished()) {
        director.turn();
        if (random() % 200 == 0) director.cancel({static_cast<std::uint32_t>(random() % runs)});
        std::this_thread::yield();
      }
      director.send_end(to_bytes("the end"));
    }
    int dropped = 0;
    for (std::uint32_t run = 0; run < runs; ++run) {
      EXPECT_EQ(heard.over[run], heard.dropped[run] ? 0 : 1);
      dropped += heard.dropped[run] ? 1 : 0;
      cancelled += heard.last[run] == "cancelled" || heard.dropped[run] ? 1 : 0;
    }
    EXPECT_EQ(counts.begun, static_cast<int>(runs) - dropped);
    joined += counts.joined;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(cancelled, 5);
  EXPECT_GT(joined, 5);
}

TEST(LaunchProtocol, ARankThatCannotGoOnIsTold) {
  LoopbackNetwork network(2, kLaunch);
  const LaunchSubgroups subgroups = subgroups_of(2, 2);
  Heard heard(2);
  LaunchDirector director(network.root(), 2, subgroups.workers, heard);
  director.turn();
  class Breaks final : public SubgroupWork {
    void compute(MapId, SubgroupId, Bytes, SubgroupLink&) override {
      throw std::runtime_error("no more memory");
    }
    void join(MapId, int, SubgroupLink&) override {}
    void decline(MapId, SubgroupId, SubgroupLink&) override {}
  } breaks;
  SubgroupLink link(network.worker({1}));
  EXPECT_THROW(serve_subgroup(link, breaks, {}), std::runtime_error);
  try {
    while (director.turn()) {
    }
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::rank_lost);
    EXPECT_NE(std::string(error.what()).find("no more memory"), std::string::npos);
  }
}

TEST(LaunchProtocol, RefusesWhatARankHasNoPartIn) {
  LoopbackNetwork network(2, kLaunch);
  const LaunchSubgroups subgroups = subgroups_of(2, 2);
  Heard heard(2);
  LaunchDirector director(network.root(), 2, subgroups.workers, heard);
  director.turn();
  SubgroupLink(network.worker({0})).send({LaunchKind::over, {1}, 0, {}});
  EXPECT_THROW(director.turn(), Bug);
  SubgroupLink(network.worker({0})).send({LaunchKind::progress, {9}, 0, {}});
  EXPECT_THROW(director.turn(), Bug);
  SubgroupLink(network.worker({0})).send({LaunchKind::joined, {0}, 1, {}});  // which was not on offer
  EXPECT_THROW(director.turn(), Bug);
  network.worker({0}).send(200, {}, {});
  EXPECT_THROW(director.turn(), Bug);
  network.worker({0}).send(static_cast<FrameKind>(LaunchKind::over), {}, {});
  EXPECT_THROW(director.turn(), Bug);
}

TEST(LaunchMessages, LongPayloadsTravelInPieces) {
  LoopbackNetwork network(1, kLaunch);
  Bytes payload(1000);
  for (std::size_t k = 0; k < payload.size(); ++k) payload[k] = static_cast<std::byte>(k * 7);
  int frames = 0;
  for (const std::size_t piece : {1000u, 999u, 300u, 1u}) {
    send_in_pieces(
        {LaunchKind::value, {3}, 5, payload},
        [&](FrameKind kind, std::span<const std::byte> body, Bytes bytes) {
          ++frames;
          network.worker({0}).send(kind, body, std::move(bytes));
        },
        piece);
    MessageAssembler assembler;
    std::optional<LaunchMessage> message;
    while (!message) message = assembler.take(*network.root().poll());
    EXPECT_EQ(message->kind, LaunchKind::value);
    EXPECT_EQ(message->run.value, 3u);
    EXPECT_EQ(message->detail, 5u);
    EXPECT_EQ(message->payload, payload);
  }
  EXPECT_EQ(frames, 1 + 2 + 4 + 1000);
  network.expect_nothing_sent();
}

TEST(LaunchSubgroups, AreOfEqualSizeAndWithinANodeFirst) {
  const NodeInventory nodes{{{"a", {0, 2, 4}, 1, 0, {}}, {"b", {1, 3, 5, 6}, 1, 0, {}}}};
  const LaunchSubgroups two = divide_ranks(nodes, 2);
  ASSERT_EQ(two.workers.size(), 2u);
  EXPECT_EQ(two.workers[0], (std::vector<WorkerId>{{1}, {3}, {0}}));
  EXPECT_EQ(two.workers[1], (std::vector<WorkerId>{{2}, {4}, {5}}));
  EXPECT_EQ(two.subgroup_of(0), std::nullopt);
  EXPECT_EQ(two.subgroup_of(4), 0);
  EXPECT_EQ(two.place_of(1), 2);
  EXPECT_EQ(two.ranks_of(0), (std::vector<int>{2, 4, 1}));
  EXPECT_EQ(divide_ranks(nodes, 99).workers.size(), 6u);
  const LaunchSubgroups four = divide_ranks(nodes, 4);
  for (const auto& subgroup : four.workers) EXPECT_TRUE(subgroup.size() == 1 || subgroup.size() == 2);
}

}  // namespace
}  // namespace mpipe
