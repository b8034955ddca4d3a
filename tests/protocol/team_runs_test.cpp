// SPDX-License-Identifier: BSD-3-Clause
// Whole runs with teams, drawn from a seed: frames are late and those of different workers overtake each
// other, members throw, try again, and take their time to come back.
#include "comm/api/loopback.hpp"
#include "exec/api/dispatch.hpp"
#include "exec/api/pools.hpp"
#include "exec/api/serve.hpp"
#include "unit/exec/counting_handler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <vector>

namespace mpipe {
namespace {

using namespace std::chrono_literals;
using test::CountingHandler;
using test::ManualClock;

using Members = std::vector<WorkerId>;
using Objection = std::vector<std::byte>;

// What the members of all teams have said, as MPI would carry it.
struct Boards {
  struct Round {
    std::map<std::size_t, Objection> said;  // by member
  };
  std::map<Members, std::vector<Round>> rounds;
  std::map<std::pair<Members, std::size_t>, std::size_t> next;  // by member: the round that comes
};

class FakeGroup final : public RankGroup {
 public:
  FakeGroup(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }

 private:
  int rank_;
  int size_;
};

class FakeTeam final : public Team {
 public:
  FakeTeam(Boards& boards, Members members, WorkerId self)
      : boards_(boards),
        members_(std::move(members)),
        rank_(static_cast<std::size_t>(std::find(members_.begin(), members_.end(), self) - members_.begin())),
        round_(boards.next[{members_, rank_}]),
        comm_(std::make_shared<FakeGroup>(static_cast<int>(rank_), static_cast<int>(members_.size()))) {}

  const Comm& comm() const override { return comm_; }
  void ask(Objection objection) override {
    auto& rounds = boards_.rounds[members_];
    if (rounds.size() <= round_) rounds.resize(round_ + 1);
    EXPECT_TRUE(rounds[round_].said.emplace(rank_, std::move(objection)).second);
  }
  std::optional<Objection> answer() override {
    const auto& said = boards_.rounds[members_][round_].said;
    if (said.size() < members_.size()) return std::nullopt;
    ++round_;
    for (const auto& [member, objection] : said)
      if (!objection.empty()) return objection;
    return Objection();
  }
  void renew() override { ++renewed; }
  int renewed = 0;

 private:
  Boards& boards_;
  Members members_;
  std::size_t rank_;
  std::size_t& round_;
  Comm comm_;
};

struct Course {
  int retries = 0;
  bool goes_on = true;
  double throws = 0;  // probability, per member and try
  std::uint64_t seed = 0;

  bool throws_at(Index element, int rank, int attempt) const {
    std::mt19937_64 random(seed * 1'000'003 +
                           static_cast<std::uint64_t>(element * 1009 + rank * 31 + attempt));
    random.discard(3);
    return std::bernoulli_distribution(throws)(random);
  }
};

class Worker final : public TeamHandler, public TeamMaker, public WorkerEvents {
 public:
  Worker(LoopbackNetwork& network, std::uint32_t number, ManualClock& clock, Boards& boards,
         const Course& plan)
      : number_{number},
        clock_(clock),
        boards_(boards),
        plan_(plan),
        handler(clock, 10us),
        loop(network.worker(number_), handler, *this, clock, {static_cast<int>(number) + 1, "node"},
             {this, this}) {}

  std::optional<Failure> try_element(const Block& block, const Comm& comm, const Attempt& which) override {
    clock_.advance(50us);
    const int attempt = tries[block.range.begin]++;
    EXPECT_EQ(which.number, attempt + 1);
    EXPECT_EQ(which.message.empty(), attempt == 0);
    if (!plan_.throws_at(block.range.begin, comm.rank(), attempt)) return std::nullopt;
    Failure failure = test::failure_at(block.range.begin, "try " + std::to_string(attempt));
    failure.rank = comm.rank();
    failure.arguments =
        std::string(static_cast<std::size_t>(block.range.begin % 7) * 60, 'a');  // some need a payload
    return failure;
  }
  BlockReport end_element(const Block& block, std::optional<Failure> failure) override {
    BlockReport report;
    report.block = block;
    report.completed = 1;
    if (failure && plan_.goes_on) {
      report.failed.push_back({{0}, {block.range}});
      report.details.push_back(*failure);
    } else if (failure) {
      report.failure = std::move(failure);
      report.completed = 0;
    }
    return report;
  }
  int retries() const override { return plan_.retries; }

  std::unique_ptr<Team> make(std::span<const WorkerId> members) override {
    made.emplace_back(members.begin(), members.end());
    return std::make_unique<FakeTeam>(boards_, made.back(), number_);
  }

 private:
  WorkerId number_;
  ManualClock& clock_;
  Boards& boards_;
  const Course& plan_;

 public:
  CountingHandler handler;
  WorkerLoop loop;
  std::map<Index, int> tries;
  std::vector<Members> made;
};

// Each poll first lets some of the workers take a turn.
class TeamFarm final : public Pool {
 public:
  TeamFarm(std::uint32_t count, const Course& plan)
      : random_(plan.seed),
        network_(count, 1,
                 [this](const FrameInfo&) { return Delivery{.copies = 1, .delay_polls = pick(0, 5)}; }),
        remote_(network_.root()) {
    for (std::uint32_t number = 0; number < count; ++number)
      workers.emplace_back(network_, number, clock, boards, plan);
  }

  std::uint32_t worker_count() const override { return remote_.worker_count(); }
  void start(WorkerId worker, const Block& block) override { remote_.start(worker, block); }
  void start_team(std::span<const WorkerId> members, const Block& block) override {
    ++teams;
    remote_.start_team(members, block);
  }
  void retract(WorkerId worker, BlockId block) override { remote_.retract(worker, block); }
  std::optional<PoolEvent> poll() override {
    for (int turns = pick(0, 2 * static_cast<int>(workers.size())); turns > 0; --turns)
      workers[static_cast<std::size_t>(pick(0, static_cast<int>(workers.size()) - 1))].loop.turn();
    return remote_.poll();
  }
  void pause(Duration duration) override { clock.advance(duration); }

  void shut_down() {
    remote_.send_stop();
    for (Worker& worker : workers) {
      int turns = 0;
      while (worker.loop.turn() != WorkerLoop::Turn::stopped) ASSERT_LT(++turns, 1000);
    }
    for (int polls = 0; polls < 100; ++polls) remote_.poll();  // news that are behind their report
    network_.expect_nothing_sent();
  }

  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  ManualClock clock;
  Boards boards;
  std::deque<Worker> workers;
  int teams = 0;

 private:
  std::mt19937_64 random_;
  LoopbackNetwork network_;
  RemotePool remote_;
};

struct Listener final : DispatchObserver {
  void on_block_done(WorkerId, const Block& block, BlockReport& report, TimePoint) override {
    for (Index k = block.range.begin; k < block.range.end; ++k) ++done[{block.stage.value, k}];
    for (Failure& failure : report.details) failures.push_back(std::move(failure));
    over.push_back(block.id);
  }
  void on_block_failed(WorkerId, const Block& block, BlockReport& report, TimePoint) override {
    failures.push_back(std::move(*report.failure));
    over.push_back(block.id);
    stopped = true;
  }
  void on_team_news(WorkerId, TeamNews& heard, TimePoint) override {
    EXPECT_EQ(std::count(over.begin(), over.end(), heard.block), 0) << "news of what is over";
    ++news;
    agreed += heard.failure ? 0 : 1;
  }
  std::map<std::pair<std::uint32_t, Index>, int> done;
  std::vector<Failure> failures;
  std::vector<BlockId> over;
  int news = 0;
  int agreed = 0;
  bool stopped = false;
};

// The tries that an element needs, and who is told to have failed in the last of them.
struct Expected {
  int tries = 1;
  std::optional<int> failing_rank;
};

Expected expected(const Course& plan, Index element, int ranks) {
  Expected result;
  for (result.tries = 1;; ++result.tries) {
    result.failing_rank.reset();
    for (int rank = ranks - 1; rank >= 0; --rank)
      if (plan.throws_at(element, rank, result.tries - 1)) result.failing_rank = rank;
    if (!result.failing_rank || result.tries > plan.retries) return result;
  }
}

// Two workers make the teams that both are in in the same order: over MPI they would wait for each other.
void expect_one_order(const std::deque<Worker>& workers) {
  const auto common = [](const Worker& worker, std::uint32_t other) {
    std::vector<Members> teams;
    for (const Members& team : worker.made)
      if (std::binary_search(team.begin(), team.end(), WorkerId{other})) teams.push_back(team);
    return teams;
  };
  for (std::uint32_t a = 0; a < workers.size(); ++a)
    for (std::uint32_t b = 0; b < a; ++b) EXPECT_EQ(common(workers[a], b), common(workers[b], a));
}

class TeamRuns : public testing::TestWithParam<bool> {};

TEST_P(TeamRuns, EndEveryElementAlikeOnAllMembers) {
  int failures = 0, news = 0, agreed = 0, reused = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto draw = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    Course plan{.retries = draw(0, 2), .goes_on = GetParam(), .throws = draw(0, 1) * 0.1, .seed = seed};
    const auto count = static_cast<std::uint32_t>(draw(2, 7));
    TeamFarm farm(count, plan);
    std::vector<WorkerTraits> traits;
    for (std::uint32_t k = 0; k < count; ++k)
      traits.push_back({.node = static_cast<std::uint32_t>(draw(0, 1))});
    Scheduler scheduler({}, traits);
    const Index elements = draw(1, 40);
    const auto ranks_of = [&](Index element) {
      return 2 + static_cast<int>((static_cast<std::uint64_t>(element) * 7 + seed) % (count - 1));
    };
    std::map<std::uint32_t, RangeSet> todo;
    for (Index k = 0; k < elements; ++k) todo[static_cast<std::uint32_t>(ranks_of(k))].insert({k, k + 1});
    std::vector<TeamElements> teams;
    for (const auto& [ranks, some] : todo) teams.push_back({ranks, some});
    scheduler.on_team_stage_ready({0}, teams, farm.clock.now());
    scheduler.on_stage_ready({1}, {{0, draw(0, 200)}}, farm.clock.now());

    Listener listener;
    dispatch(scheduler, farm, farm.clock, listener, {});
    farm.shut_down();

    EXPECT_TRUE(scheduler.finished());
    EXPECT_TRUE(GetParam() || listener.stopped == !listener.failures.empty());
    int ended = 0;
    for (Index k = 0; k < elements; ++k) {
      int callers = 0, tries = 0;
      for (const Worker& worker : farm.workers)
        if (const auto found = worker.tries.find(k); found != worker.tries.end()) {
          ++callers;
          EXPECT_TRUE(tries == 0 || tries == found->second) << "members that tried differently often";
          tries = found->second;
        }
      const Expected wanted = expected(plan, k, ranks_of(k));
      if (callers == 0) continue;  // the run stopped before
      ++ended;
      EXPECT_EQ(callers, ranks_of(k)) << "element " << k;
      EXPECT_EQ(tries, wanted.tries) << "element " << k;
      const auto told = std::find_if(listener.failures.begin(), listener.failures.end(),
                                     [&](const Failure& failure) { return failure.element == k; });
      ASSERT_EQ(told != listener.failures.end(), wanted.failing_rank.has_value()) << "element " << k;
      if (told != listener.failures.end()) {
        EXPECT_EQ(told->rank, *wanted.failing_rank);
      }
    }
    EXPECT_EQ(ended, farm.teams);
    EXPECT_TRUE(listener.stopped || ended == elements);
    expect_one_order(farm.workers);
    failures += static_cast<int>(listener.failures.size());
    news += listener.news;
    agreed += listener.agreed;
    std::size_t made = 0;
    for (const auto& [members, rounds] : farm.boards.rounds) made += members.empty() ? 0 : 1;
    reused += farm.teams > static_cast<int>(made) ? 1 : 0;
    if (HasFailure()) break;
  }
  EXPECT_GT(failures, 50);
  EXPECT_GT(news, 100);
  EXPECT_GT(agreed, 20);
  EXPECT_GT(reused, 50);
}

INSTANTIATE_TEST_SUITE_P(GoOnAndStop, TeamRuns, testing::Values(true, false));

}  // namespace
}  // namespace mpipe
