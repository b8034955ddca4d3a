// SPDX-License-Identifier: BSD-3-Clause
// Random runs, each from a seed: workers that answer late, give back what they like, die and go on talking;
// stages, gaps, failures, drains. After each step a plain model of every element says what must hold.
//
//     MPIPE_FUZZ_SEED=17 schedule_fuzz_test      one seed
//     MPIPE_FUZZ_SEEDS=100000 schedule_fuzz_test so many
#include <mpipe/core/error.hpp>

#include "schedule/api/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>

namespace mpipe {
namespace {

using namespace std::chrono_literals;

enum class ElementState : std::uint8_t { absent, waiting, in_flight, done };

// What must be true of one stage, element by element.
struct StageModel {
  std::vector<ElementState> elements;
  std::vector<int> times_done;
  bool ready = false;
  bool told_done = false;
  Index largest_done = 0;
  std::optional<Index> fixed_block;
  double element_ns = 0;
  double spread = 0;

  Index count(ElementState state) const { return std::count(elements.begin(), elements.end(), state); }
};

// A worker as it really is, behind two channels that keep the order.
struct WorkerModel {
  WorkerTraits traits;
  std::deque<Action> inbox;  // Assign or Retract
  std::deque<Block> blocks;  // the first of them runs, if `computing`
  bool computing = false;
  double pace = 1;  // of beginning and ending blocks
  struct Report {
    enum class Kind { done, failed, retracted } kind;
    BlockId block;
    IndexRange rest;
    Duration busy;
  };
  std::deque<Report> outbox;
  bool lost = false;  // as told to the scheduler; it may live on
};

class FuzzRun {
 public:
  explicit FuzzRun(std::uint64_t seed) : random_(seed), scheduler_(make_scheduler()) { make_stages(); }

  // Runs to the end; the first broken rule ends it.
  void run() {
    for (int steps = 0; ok_; ++steps) {
      if (steps > 200'000) return fail("no end in sight");
      if (!step()) break;
      check_state();
    }
    if (ok_) check_end();
  }
  const std::string& problem() const { return problem_; }
  Index checks() const { return checks_; }
  std::map<std::string, Index> seen{};  // how often what happened, to show that the fuzzer gets there

 private:
  Index pick(Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(random_); }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  void fail(const std::string& what) {
    if (ok_) problem_ = what;
    ok_ = false;
  }
  void expect(bool condition, const char* what) {
    ++checks_;
    if (!condition) fail(what);
  }

  Scheduler make_scheduler() {
    workers_.resize(static_cast<std::size_t>(pick(1, 9)));
    std::vector<WorkerTraits> traits;
    for (WorkerModel& worker : workers_) {
      if (chance(0.15)) worker.traits.max_block = Duration(pick(1'000, 1'000'000));
      worker.traits.may_prefetch = chance(0.8);
      worker.pace = chance(0.7) ? 1 : 0.03;
      traits.push_back(worker.traits);
    }
    options_.target_block = Duration(chance(0.5) ? 100'000 : pick(0, 100'000'000));
    options_.growth = pick(2, 16);
    options_.prefetch_below = Duration(chance(0.5) ? 5'000'000 : pick(0, 1'000'000'000));
    options_.split_after = Duration(chance(0.5) ? 5'000'000 : pick(0, 1'000'000));
    loss_ = chance(0.3) ? 0.002 : 0;
    failure_ = chance(0.2) ? 0.01 : 0;
    drain_ = chance(0.15) ? 0.002 : 0;
    zombies_ = chance(0.5);
    return Scheduler(options_, traits);
  }

  void make_stages() {
    stages_.resize(static_cast<std::size_t>(pick(1, 4)));
    for (StageModel& stage : stages_) {
      stage.elements.assign(static_cast<std::size_t>(pick(1, 200)), ElementState::absent);
      stage.times_done.assign(stage.elements.size(), 0);
      stage.element_ns = std::pow(10.0, static_cast<double>(pick(1, 7)));
      stage.spread = chance(0.5) ? 1.5 : 0.1;
      if (chance(0.2)) stage.fixed_block = pick(1, 20);
    }
  }

  // One thing that can happen; false when nothing can.
  bool step() {
    now_ += Duration(chance(0.02) ? pick(0, 20'000'000) : pick(0, 200'000));
    std::vector<std::function<void()>> possible;
    bool computing = false;
    for (std::uint32_t i = 0; i < stages_.size(); ++i)
      if (!stages_[i].ready) possible.push_back([this, i] { make_ready(i); });
    for (std::uint32_t i = 0; i < workers_.size(); ++i) {
      WorkerModel& worker = workers_[i];
      if (!worker.inbox.empty()) possible.push_back([this, i] { receive(workers_[i]); });
      computing |= !worker.blocks.empty();
      if (!worker.blocks.empty() && chance(worker.pace))
        possible.push_back([this, i] { compute(workers_[i]); });
      if (!worker.outbox.empty()) possible.push_back([this, i] { deliver(i); });
    }
    if (chance(0.3) || possible.empty()) {
      const bool acted = act();
      if (acted || possible.empty()) return acted || computing || wait();
    }
    if (chance(drain_)) {
      scheduler_.on_drain(now_);
      ++seen["drain"];
    }
    if (chance(0.01) && !over_.empty()) repeat_late_event();
    if (chance(loss_))
      lose(static_cast<std::uint32_t>(pick(0, static_cast<Index>(workers_.size()) - 1)));
    else
      possible[static_cast<std::size_t>(pick(0, static_cast<Index>(possible.size()) - 1))]();
    return true;
  }

  // Nothing but time passes: that alone must not be what a run waits for, unless something is in flight.
  bool wait() {
    now_ += 100ms;
    return act();
  }

  void make_ready(std::uint32_t id) {
    StageModel& stage = stages_[id];
    RangeSet todo;
    const double density = chance(0.5) ? 1.0 : chance(0.1) ? 0.0 : 0.7;
    for (std::size_t i = 0; i < stage.elements.size(); ++i) {
      if (!chance(density)) continue;
      todo.insert({static_cast<Index>(i), static_cast<Index>(i) + 1});
      stage.elements[i] = ElementState::waiting;
    }
    stage.ready = true;
    scheduler_.on_stage_ready({id}, todo, now_, stage.fixed_block);
  }

  // The scheduler

  bool act() {
    const auto action = scheduler_.next_action(now_);
    if (!action) return false;
    if (const auto* assign = std::get_if<Assign>(&*action)) check_assign(*assign);
    if (const auto* retract = std::get_if<Retract>(&*action)) {
      expect(!workers_[retract->worker.value].lost, "a retract to a lost worker");
      expect(scheduler_.stopped() || waiting() == 0, "a retract while there is work to hand out");
      expect(asked_[retract->block]++ == 0, "asked twice for one block");
      workers_[retract->worker.value].inbox.push_back(*retract);
      ++seen["retract"];
    }
    if (const auto* done = std::get_if<StageDone>(&*action)) {
      StageModel& stage = stages_[done->stage.value];
      expect(!stage.told_done, "a stage was reported done twice");
      expect(stage.count(ElementState::waiting) + stage.count(ElementState::in_flight) == 0,
             "a stage was reported done before it was");
      stage.told_done = true;
    }
    return true;
  }

  Index waiting() const {
    Index sum = 0;
    for (const StageModel& stage : stages_) sum += stage.count(ElementState::waiting);
    return sum;
  }

  void check_assign(const Assign& assign) {
    const Block& block = assign.block;
    WorkerModel& worker = workers_[assign.worker.value];
    StageModel& stage = stages_[block.stage.value];
    expect(!scheduler_.stopped(), "a block was handed out after a stop");
    expect(!worker.lost, "a block for a lost worker");
    check_size(stage, block.range.size());
    check_breadth(assign.worker.value);
    expect(0 <= block.range.begin && block.range.end <= static_cast<Index>(stage.elements.size()),
           "no such elements");
    for (Index i = block.range.begin; ok_ && i < block.range.end; ++i) {
      ElementState& state = stage.elements[static_cast<std::size_t>(i)];
      expect(state == ElementState::waiting, "an element was handed out that did not wait");
      state = ElementState::in_flight;
    }
    Flight flight{assign.worker.value, block};
    expect(flights_.emplace(block.id, flight).second, "a block id was used twice");
    worker.inbox.push_back(assign);
    ++seen["assign"];
  }

  void check_size(const StageModel& stage, Index size) {
    Index alive = 0;
    for (const WorkerModel& worker : workers_) alive += worker.lost ? 0 : 1;
    expect(size >= 1, "an empty block");
    if (stage.fixed_block) return expect(size <= *stage.fixed_block, "a block above the fixed size");
    expect(size == 1 || size <= stage.count(ElementState::waiting) / (2 * alive),
           "a block of too much of what is left");
    expect(size == 1 || size <= options_.growth * stage.largest_done, "a block that grew too fast");
  }

  void check_breadth(std::uint32_t receiver) {
    const Index load = load_of(receiver);
    expect(load < 2, "a third block");
    if (load == 0) return;
    ++seen["second block"];
    expect(options_.prefetch_below > 0ns, "a second block though none is short enough");
    expect(workers_[receiver].traits.may_prefetch && !workers_[receiver].traits.max_block,
           "an unwanted second block");
    for (std::uint32_t i = 0; i < workers_.size(); ++i)
      expect(workers_[i].lost || workers_[i].traits.max_block || load_of(i) > 0,
             "a second block before a first one");
  }

  Index load_of(std::uint32_t worker) const {
    Index load = 0;
    for (const auto& [id, flight] : flights_) load += flight.worker == worker ? 1 : 0;
    return load;
  }

  // The workers

  void receive(WorkerModel& worker) {
    const Action action = worker.inbox.front();
    worker.inbox.pop_front();
    if (const auto* assign = std::get_if<Assign>(&action)) {
      worker.blocks.push_back(assign->block);
      return;
    }
    const BlockId id = std::get<Retract>(action).block;
    const auto block =
        std::find_if(worker.blocks.begin(), worker.blocks.end(), [&](const Block& b) { return b.id == id; });
    IndexRange rest{};
    if (block == worker.blocks.end()) {
      ++seen["retract crosses done"];
      if (chance(0.5)) return;  // need not answer
    } else if (block == worker.blocks.begin() && worker.computing) {
      rest = {pick(block->range.begin + 1, block->range.end), block->range.end};
      block->range.end = rest.begin;
      if (!rest.empty()) ++seen["gives back a part"];
    } else if (chance(0.9)) {
      rest = block->range;
      worker.blocks.erase(block);
      ++seen["gives back all"];
    }
    worker.outbox.push_back({WorkerModel::Report::Kind::retracted, id, rest, {}});
  }

  void compute(WorkerModel& worker) {
    if (!worker.computing) {
      worker.computing = true;
      return;
    }
    const Block block = worker.blocks.front();
    worker.blocks.pop_front();
    worker.computing = false;
    const StageModel& stage = stages_[block.stage.value];
    const double factor = std::lognormal_distribution<double>(0, stage.spread)(random_);
    const double busy = stage.element_ns * factor * static_cast<double>(block.range.size());
    const auto kind = chance(failure_) ? WorkerModel::Report::Kind::failed : WorkerModel::Report::Kind::done;
    worker.outbox.push_back({kind, block.id, {}, Duration(static_cast<std::int64_t>(busy))});
  }

  void deliver(std::uint32_t id) {
    const WorkerModel::Report report = workers_[id].outbox.front();
    workers_[id].outbox.pop_front();
    using Kind = WorkerModel::Report::Kind;
    const auto flight = flights_.find(report.block);
    const bool late = flight == flights_.end();
    if (report.kind == Kind::retracted) {
      const bool back = scheduler_.on_block_retracted(report.block, report.rest, now_);
      expect(back == (!late && !report.rest.empty()), "wrong answer to a block given back");
      if (back) take_back(flight, report.rest);
      return;
    }
    const auto block = report.kind == Kind::done ? scheduler_.on_block_done(report.block, report.busy, now_)
                                                 : scheduler_.on_block_failed(report.block, now_);
    expect(block.has_value() != late, "a late event was accepted, or a timely one was not");
    if (late) ++seen["late report"];
    if (late || !ok_) return;
    expect(block->range == flight->second.block.range, "another range than was in flight");
    if (report.kind == Kind::done)
      mark_done(flight->second.block);
    else
      mark(flight->second.block.stage, block->range, ElementState::waiting);
    over_.push_back(report);
    flights_.erase(flight);
  }

  struct Flight {
    std::uint32_t worker;
    Block block;
  };
  using Flights = std::map<BlockId, Flight>;

  void take_back(Flights::iterator flight, IndexRange rest) {
    IndexRange& range = flight->second.block.range;
    mark(flight->second.block.stage, rest, ElementState::waiting);
    range.end = rest.begin;
    if (range.empty()) flights_.erase(flight);
  }

  void mark(StageId stage, IndexRange range, ElementState to) {
    for (Index i = range.begin; i < range.end; ++i)
      stages_[stage.value].elements[static_cast<std::size_t>(i)] = to;
  }

  void mark_done(const Block& block) {
    StageModel& stage = stages_[block.stage.value];
    mark(block.stage, block.range, ElementState::done);
    stage.largest_done = std::max(stage.largest_done, block.range.size());
    for (Index i = block.range.begin; i < block.range.end; ++i)
      expect(++stage.times_done[static_cast<std::size_t>(i)] == 1, "an element was done twice");
  }

  void lose(std::uint32_t id) {
    WorkerModel& worker = workers_[id];
    if (worker.lost && !chance(0.1)) return;
    scheduler_.on_worker_lost({id}, now_);
    worker.lost = true;
    ++seen["lost worker"];
    for (auto flight = flights_.begin(); flight != flights_.end();) {
      const auto next = std::next(flight);
      if (flight->second.worker == id) take_back(flight, flight->second.block.range);
      flight = next;
    }
    if (zombies_) return;  // it lives on, and its reports arrive
    worker.inbox.clear();
    worker.blocks.clear();
    worker.outbox.clear();
  }

  void repeat_late_event() {
    const auto& report = over_[static_cast<std::size_t>(pick(0, static_cast<Index>(over_.size()) - 1))];
    expect(!scheduler_.on_block_done(report.block, report.busy, now_), "a block was done twice");
    expect(!scheduler_.on_block_failed(report.block, now_), "a block failed after it was over");
    expect(!scheduler_.on_block_retracted(report.block, {}, now_), "a block came back after it was over");
    ++seen["repeated report"];
  }

  // What must hold

  void check_state() {
    expect(scheduler_.blocks_in_flight() == static_cast<Index>(flights_.size()), "blocks in flight");
    for (std::uint32_t id = 0; ok_ && id < stages_.size(); ++id) {
      const StageModel& stage = stages_[id];
      RangeSet unfinished;
      Index in_flight = 0, done = 0;
      for (std::size_t i = 0; i < stage.elements.size(); ++i) {
        const ElementState state = stage.elements[i];
        in_flight += state == ElementState::in_flight ? 1 : 0;
        done += state == ElementState::done ? 1 : 0;
        if (state == ElementState::in_flight || state == ElementState::waiting)
          unfinished.insert({static_cast<Index>(i), static_cast<Index>(i) + 1});
      }
      const StageTally tally = scheduler_.tally(StageId{id});
      expect(tally.done == done, "elements done");
      expect(tally.in_flight == in_flight, "elements in flight");
      expect(tally.total == done + unfinished.count(), "elements in all");
      expect(scheduler_.unfinished({id}) == unfinished, "unfinished elements");
    }
    if (scheduler_.finished())
      expect(flights_.empty() && (scheduler_.stopped() || waiting() == 0), "finished too early");
    if (scheduler_.stuck())
      expect(flights_.empty() && waiting() > 0 && !scheduler_.stopped(), "not stuck at all");
  }

  void check_end() {
    bool any_unlimited = false;
    for (const WorkerModel& worker : workers_) any_unlimited |= !worker.lost && !worker.traits.max_block;
    expect(scheduler_.finished() != scheduler_.stuck(), "at the end: neither finished nor stuck, or both");
    if (scheduler_.stuck()) {
      ++seen["stuck"];
      return expect(!any_unlimited, "stuck, but there is a worker");
    }
    ++seen[scheduler_.stopped() ? "stopped" : "finished"];
    for (const StageModel& stage : stages_)
      expect(stage.told_done == (stage.count(ElementState::waiting) == 0), "a stage was not reported done");
  }

  std::mt19937_64 random_;
  SchedulerOptions options_;
  std::vector<WorkerModel> workers_;
  std::vector<StageModel> stages_;
  double loss_ = 0, failure_ = 0, drain_ = 0;
  bool zombies_ = false;
  Scheduler scheduler_;
  TimePoint now_{};
  Flights flights_;
  std::map<BlockId, int> asked_;
  std::vector<WorkerModel::Report> over_;
  bool ok_ = true;
  std::string problem_;
  Index checks_ = 0;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(SchedulerFuzz, KeepsItsPromisesInRandomRuns) {
  const bool one = std::getenv("MPIPE_FUZZ_SEED") != nullptr;
  const std::uint64_t first = from_environment("MPIPE_FUZZ_SEED", 1);
  const std::uint64_t count = one ? 1 : from_environment("MPIPE_FUZZ_SEEDS", 3000);
  Index checks = 0;
  int failures = 0;
  std::map<std::string, Index> seen;
  for (std::uint64_t seed = first; seed < first + count && failures < 5; ++seed) {
    FuzzRun run(seed);
    try {
      run.run();
    } catch (const Bug& bug) {
      ADD_FAILURE() << "MPIPE_FUZZ_SEED=" << seed << ": threw " << bug.what();
      ++failures;
    }
    EXPECT_EQ(run.problem(), "") << "MPIPE_FUZZ_SEED=" << seed;
    failures += run.problem().empty() ? 0 : 1;
    checks += run.checks();
    for (const auto& [what, times] : run.seen) seen[what] += times;
  }
  if (one || failures > 0) return;
  EXPECT_GT(checks, static_cast<Index>(count) * 1000);
  for (const char* what :
       {"assign", "second block", "retract", "retract crosses done", "gives back a part", "gives back all",
        "lost worker", "late report", "repeated report", "drain", "finished", "stopped", "stuck"})
    EXPECT_GT(seen[what], static_cast<Index>(count / 100)) << "the fuzzer hardly ever gets to: " << what;
}

}  // namespace
}  // namespace mpipe
