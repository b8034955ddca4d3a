// SPDX-License-Identifier: BSD-3-Clause
// Random runs in virtual time with teams: random nodes, sizes, durations, losses, stops. A model of every
// worker and element says what must hold.
//
//     MPIPE_FUZZ_SEED=17 schedule_team_fuzz_test      one seed
//     MPIPE_FUZZ_SEEDS=100000 schedule_team_fuzz_test so many
#include <mpipe/core/error.hpp>

#include "schedule/api/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

namespace mpipe {
namespace {

using namespace std::chrono_literals;

struct StageModel {
  std::vector<std::uint32_t> ranks;  // by element; 1 everywhere in a stage of others
  std::vector<int> times_done;
  std::vector<bool> in_flight;
  bool teams = false;
  bool told_done = false;
  Duration element{};
  double spread = 0;
};

struct WorkerModel {
  std::optional<std::uint32_t> node;
  std::vector<BlockId> blocks;  // the first one runs
  TimePoint free_at{};
  bool lost = false;
};

struct FlightModel {
  std::vector<WorkerId> workers;
  Block block;
  TimePoint begins;
  TimePoint ends;
};

class TeamRun {
 public:
  explicit TeamRun(std::uint64_t seed) : random_(seed), scheduler_(make_scheduler()) { make_stages(); }

  void run() {
    for (int steps = 0; ok_; ++steps) {
      if (steps > 100'000) return fail("no end in sight");
      act();
      if (!ok_ || flights_.empty()) break;
      deliver_next();
    }
    if (ok_) check_end();
  }
  const std::string& problem() const { return problem_; }
  std::map<std::string, Index> seen{};

 private:
  Index pick(Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(random_); }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  void fail(const std::string& what) {
    if (ok_) problem_ = what;
    ok_ = false;
  }
  void expect(bool condition, const char* what) {
    if (!condition) fail(what);
  }

  Scheduler make_scheduler() {
    const Index nodes = pick(1, 4);
    workers_.resize(static_cast<std::size_t>(pick(1, 12)));
    std::vector<WorkerTraits> traits;
    for (WorkerModel& worker : workers_) {
      WorkerTraits of_worker;
      if (chance(0.93)) of_worker.node = worker.node = static_cast<std::uint32_t>(pick(0, nodes - 1));
      of_worker.may_prefetch = chance(0.8);
      traits.push_back(of_worker);
    }
    loss_ = chance(0.2) ? 0.02 : 0;
    failure_ = chance(0.1) ? 0.02 : 0;
    drain_ = chance(0.1) ? 0.01 : 0;
    SchedulerOptions options;
    if (chance(0.3)) options.prefetch_below = Duration(0);
    return Scheduler(options, traits);
  }

  void make_stages() {
    stages_.resize(static_cast<std::size_t>(pick(1, 4)));
    for (std::uint32_t id = 0; id < stages_.size(); ++id) {
      StageModel& stage = stages_[id];
      const auto count = static_cast<std::size_t>(pick(1, 60));
      stage.teams = chance(0.6);
      stage.ranks.assign(count, 1);
      stage.times_done.assign(count, 0);
      stage.in_flight.assign(count, false);
      stage.element = Duration(static_cast<Index>(std::pow(10.0, static_cast<double>(pick(2, 8)))));
      stage.spread = chance(0.5) ? 1 : 0.1;
      if (!stage.teams) {
        scheduler_.on_stage_ready({id}, {{0, static_cast<Index>(count)}}, now_);
        continue;
      }
      std::map<std::uint32_t, RangeSet> todo;
      const bool mixed = chance(0.5);
      const Index most = joining() + (chance(0.05) ? 1 : 0);
      const auto common = static_cast<std::uint32_t>(pick(1, std::max<Index>(most, 1)));
      for (std::size_t k = 0; k < count; ++k) {
        stage.ranks[k] = mixed ? static_cast<std::uint32_t>(pick(1, std::max<Index>(joining(), 1))) : common;
        todo[stage.ranks[k]].insert({static_cast<Index>(k), static_cast<Index>(k) + 1});
      }
      std::vector<TeamElements> elements;
      for (auto& [ranks, some] : todo) elements.push_back({ranks, some});
      scheduler_.on_team_stage_ready({id}, elements, now_);
    }
  }

  Index joining() const {
    return std::count_if(workers_.begin(), workers_.end(),
                         [](const WorkerModel& worker) { return worker.node && !worker.lost; });
  }
  std::size_t alive_on(std::uint32_t node) const {
    return static_cast<std::size_t>(std::count_if(
        workers_.begin(), workers_.end(), [&](const WorkerModel& w) { return w.node == node && !w.lost; }));
  }
  bool waits(const StageModel& stage, std::size_t element) const {
    return stage.times_done[element] == 0 && !stage.in_flight[element];
  }
  bool others_wait() const {
    for (const StageModel& stage : stages_)
      for (std::size_t k = 0; k < stage.ranks.size(); ++k)
        if (stage.ranks[k] == 1 && waits(stage, k)) return true;
    return false;
  }
  bool teams_wait() const {
    for (const StageModel& stage : stages_)
      for (std::size_t k = 0; k < stage.ranks.size(); ++k)
        if (stage.ranks[k] > 1 && static_cast<Index>(stage.ranks[k]) <= joining() && waits(stage, k))
          return true;
    return false;
  }

  // The scheduler

  void act() {
    while (ok_) {
      const auto action = scheduler_.next_action(now_);
      if (!action) break;
      if (const auto* assign = std::get_if<Assign>(&*action)) {
        expect(
            stages_[assign->block.stage.value].ranks[static_cast<std::size_t>(assign->block.range.begin)] ==
                1,
            "a team's element for one worker");
        teams_in_a_row_ = 0;
        begin({assign->worker}, assign->block);
        ++seen["others"];
      }
      if (const auto* team = std::get_if<AssignTeam>(&*action)) check_team(*team);
      if (const auto* retract = std::get_if<Retract>(&*action)) give_back(*retract);
      if (const auto* done = std::get_if<StageDone>(&*action)) stages_[done->stage.value].told_done = true;
    }
    const bool waiting = !scheduler_.stopped() && teams_wait();
    if (!waiting) waiting_since_.reset();
    if (waiting && !waiting_since_) waiting_since_ = now_;
    // Blocks that run when a team comes first, and those that fill in and take longer than expected.
    if (waiting) expect(now_ - *waiting_since_ <= 6 * longest_, "a team waits for too long");
  }

  void check_team(const AssignTeam& team) {
    const StageModel& stage = stages_[team.block.stage.value];
    expect(!scheduler_.stopped(), "a team after a stop");
    expect(team.block.range.size() == 1, "more than one element for a team");
    expect(stage.ranks[static_cast<std::size_t>(team.block.range.begin)] == team.members.size(),
           "a team of another size");
    expect(std::adjacent_find(team.members.begin(), team.members.end(), std::greater_equal<>()) ==
               team.members.end(),
           "members that are not in order, or not distinct");
    std::set<std::uint32_t> nodes;
    for (const WorkerId member : team.members) {
      const WorkerModel& worker = workers_[member.value];
      expect(worker.node.has_value(), "a member that joins no team");
      expect(worker.blocks.empty() && !worker.lost, "a member that is not idle");
      nodes.insert(worker.node.value_or(0));
    }
    bool fits = false;
    for (std::uint32_t node = 0; node < 4; ++node) fits = fits || alive_on(node) >= team.members.size();
    if (fits && nodes.size() > 1) expect(!others_wait(), "a team over several nodes though others could run");
    ++seen[nodes.size() > 1 ? "team over nodes" : "team"];
    // `others_wait` looks at elements, so what is handed out in this very round is known.
    teams_in_a_row_ = others_wait() ? teams_in_a_row_ + 1 : 0;
    expect(teams_in_a_row_ <= 2 * static_cast<Index>(workers_.size()) + 1, "others starve");
    waiting_since_.reset();
    begin(team.members, team.block);
  }

  void begin(const std::vector<WorkerId>& members, const Block& block) {
    StageModel& stage = stages_[block.stage.value];
    TimePoint begins = now_;
    for (const WorkerId member : members) begins = std::max(begins, workers_[member.value].free_at);
    const double factor = std::lognormal_distribution<double>(0, stage.spread)(random_);
    const double ns = static_cast<double>(stage.element.count() * block.range.size()) * factor;
    const Duration takes(static_cast<Index>(std::min(ns, 1e12)) + 1);
    longest_ = std::max(longest_, takes);
    for (const WorkerId member : members) {
      WorkerModel& worker = workers_[member.value];
      expect(!worker.lost, "a block for a lost worker");
      expect(worker.blocks.size() < 2, "a third block");
      worker.blocks.push_back(block.id);
      worker.free_at = begins + takes;
    }
    for (Index k = block.range.begin; k < block.range.end; ++k) {
      expect(waits(stage, static_cast<std::size_t>(k)), "an element was handed out that did not wait");
      stage.in_flight[static_cast<std::size_t>(k)] = true;
    }
    flights_[block.id] = {members, block, begins, begins + takes};
  }

  // A queued block comes back; one that runs is ended.
  void give_back(const Retract& retract) {
    const auto flight = flights_.find(retract.block);
    if (flight == flights_.end()) return fail("a retract of what is over");
    expect(flight->second.workers.size() == 1, "a team was asked for its block");
    if (flight->second.begins <= now_) {
      scheduler_.on_block_retracted(retract.block, {}, now_);
      return;
    }
    workers_[retract.worker.value].free_at = flight->second.begins;
    scheduler_.on_block_retracted(retract.block, flight->second.block.range, now_);
    forget(flight->second, false);
    flights_.erase(flight);
  }

  void forget(const FlightModel& flight, bool done) {
    StageModel& stage = stages_[flight.block.stage.value];
    for (Index k = flight.block.range.begin; k < flight.block.range.end; ++k) {
      stage.in_flight[static_cast<std::size_t>(k)] = false;
      if (done) expect(++stage.times_done[static_cast<std::size_t>(k)] == 1, "an element was done twice");
    }
    for (const WorkerId member : flight.workers) std::erase(workers_[member.value].blocks, flight.block.id);
  }

  void deliver_next() {
    if (chance(drain_)) scheduler_.on_drain(now_);
    if (chance(loss_))
      return lose({static_cast<std::uint32_t>(pick(0, static_cast<Index>(workers_.size()) - 1))});
    const auto next = std::min_element(flights_.begin(), flights_.end(), [](const auto& a, const auto& b) {
      return a.second.ends < b.second.ends;
    });
    const FlightModel flight = next->second;
    flights_.erase(next);
    now_ = std::max(now_, flight.ends);
    expect(scheduler_.is_in_flight(flight.block.id), "a block in flight that is not known");
    if (chance(failure_)) {
      scheduler_.on_block_failed(flight.block.id, now_);
      forget(flight, false);
      return;
    }
    expect(scheduler_.on_block_done(flight.block.id, flight.ends - flight.begins, now_).has_value(),
           "a done that was not expected");
    forget(flight, true);
  }

  // A team of which one is lost is lost.
  void lose(WorkerId id) {
    if (workers_[id.value].lost) return;
    std::set<WorkerId> gone{id};
    for (const auto& [block, flight] : flights_)
      if (flight.workers.size() > 1 && std::count(flight.workers.begin(), flight.workers.end(), id) > 0)
        gone.insert(flight.workers.begin(), flight.workers.end());
    if (gone.size() > 1) ++seen["lost team"];
    scheduler_.on_worker_lost(id, now_);
    for (const WorkerId worker : gone) workers_[worker.value].lost = true;
    std::erase_if(flights_, [&](const auto& entry) {
      if (!gone.contains(entry.second.workers.front())) return false;
      forget(entry.second, false);
      return true;
    });
    waiting_since_.reset();
  }

  void check_end() {
    expect(scheduler_.blocks_in_flight() == 0, "something is in flight");
    expect(scheduler_.finished() != scheduler_.stuck(), "at the end: neither finished nor stuck, or both");
    for (std::uint32_t id = 0; id < stages_.size(); ++id) {
      const StageModel& stage = stages_[id];
      RangeSet left;
      for (std::size_t k = 0; k < stage.ranks.size(); ++k) {
        if (stage.times_done[k] > 0) continue;
        left.insert({static_cast<Index>(k), static_cast<Index>(k) + 1});
        const bool hopeless = stage.ranks[k] > 1
                                  ? static_cast<Index>(stage.ranks[k]) > joining()
                                  : std::all_of(workers_.begin(), workers_.end(),
                                                [](const WorkerModel& worker) { return worker.lost; });
        expect(scheduler_.stopped() || hopeless, "an element was left out that could be computed");
      }
      expect(scheduler_.unfinished({id}) == left, "unfinished elements");
      expect(stage.told_done == left.empty(), "a stage was not reported done, or was and is not");
    }
    ++seen[scheduler_.stopped() ? "stopped" : scheduler_.stuck() ? "stuck" : "finished"];
  }

  std::mt19937_64 random_;
  std::vector<WorkerModel> workers_;
  std::vector<StageModel> stages_;
  double loss_ = 0, failure_ = 0, drain_ = 0;
  Scheduler scheduler_;
  TimePoint now_{};
  std::map<BlockId, FlightModel> flights_;
  Duration longest_{1};
  std::optional<TimePoint> waiting_since_;
  Index teams_in_a_row_ = 0;
  bool ok_ = true;
  std::string problem_;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(TeamFuzz, KeepsItsPromisesInRandomRuns) {
  const bool one = std::getenv("MPIPE_FUZZ_SEED") != nullptr;
  const std::uint64_t first = from_environment("MPIPE_FUZZ_SEED", 1);
  const std::uint64_t count = one ? 1 : from_environment("MPIPE_FUZZ_SEEDS", 3000);
  int failures = 0;
  std::map<std::string, Index> seen;
  for (std::uint64_t seed = first; seed < first + count && failures < 5; ++seed) {
    TeamRun run(seed);
    try {
      run.run();
    } catch (const Bug& bug) {
      ADD_FAILURE() << "MPIPE_FUZZ_SEED=" << seed << ": threw " << bug.what();
      ++failures;
    }
    EXPECT_EQ(run.problem(), "") << "MPIPE_FUZZ_SEED=" << seed;
    failures += run.problem().empty() ? 0 : 1;
    for (const auto& [what, times] : run.seen) seen[what] += times;
  }
  if (one || failures > 0) return;
  for (const char* what : {"others", "team", "team over nodes", "lost team", "finished", "stopped", "stuck"})
    EXPECT_GT(seen[what], static_cast<Index>(count / 100)) << "the fuzzer hardly ever gets to: " << what;
}

}  // namespace
}  // namespace mpipe
