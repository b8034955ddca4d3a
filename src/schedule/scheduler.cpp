// SPDX-License-Identifier: BSD-3-Clause
// The rules by which blocks are handed out, asked back and counted as done.
#include "schedule/api/scheduler.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace mpipe {

namespace {

// How many workers are looked at to find the best one to take work from: exact for small jobs, and for large
// ones a good one is good enough.
constexpr Index looked_at = 32;

BlockPolicyOptions policy_options(const SchedulerOptions& options, std::optional<Index> fixed_block) {
  return {.fixed_block = fixed_block ? fixed_block : options.fixed_block,
          .target_block = options.target_block,
          .growth = options.growth};
}

std::vector<std::optional<std::uint32_t>> nodes_of(const std::vector<WorkerTraits>& workers) {
  std::vector<std::optional<std::uint32_t>> nodes;
  for (const WorkerTraits& worker : workers) nodes.push_back(worker.max_block ? std::nullopt : worker.node);
  return nodes;
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options, std::vector<WorkerTraits> workers)
    : options_(options), workers_(workers.size()), lists_(workers.size()), teams_(nodes_of(workers)) {
  const std::size_t slots = workers.size() * kDepth;
  if (slots > std::size_t{1} << 32) throw Bug("Scheduler: more than 2^31 workers");
  static_cast<void>(BlockPolicy(policy_options(options, std::nullopt)));  // throws now rather than later
  slot_bits_ = static_cast<unsigned>(std::bit_width(std::max<std::size_t>(slots, 1) - 1));
  counts_.workers_alive = static_cast<Index>(workers.size());
  for (std::uint32_t worker = 0; worker < workers.size(); ++worker) {
    workers_[worker].traits = workers[worker];
    relist({worker});
  }
}

// Events

void Scheduler::on_stage_ready(StageId id, const RangeSet& todo, TimePoint,
                               std::optional<Index> fixed_block) {
  Stage& stage = admit(id, todo, fixed_block);
  if (stage.pool.empty()) {
    stage.order = next_order_++;
    if (!todo.empty()) open_.push_back(id.value);
  }
  stage.pool.add(todo);
  close_if_done(id);
}

void Scheduler::on_elements_ready(StageId id, const RangeSet& elements) {
  if (elements.empty()) return;
  Stage& stage = stages_.at(id.value);
  if (stage.pool.empty()) {
    stage.order = front_order_--;
    open_.insert(open_.begin(), id.value);
  }
  stage.pool.add(elements);
  stage.tally.total += elements.count();
}

/// Makes a stage known, and counts what it gets to do.
Scheduler::Stage& Scheduler::admit(StageId id, const RangeSet& todo, std::optional<Index> fixed_block) {
  if (id.value >= stages_.size()) stages_.resize(id.value + 1);
  Stage& stage = stages_[id.value];
  if (stage.order == 0)
    stage.policy = BlockPolicy(policy_options(options_, fixed_block));
  else if (!unfinished(id).intersection(todo).empty())
    throw Bug(fmt::format("Scheduler: elements of stage {} made ready twice", id.value));
  stage.tally.total += todo.count();
  return stage;
}

void Scheduler::close_if_done(StageId id) {
  const StageTally& tally = stages_[id.value].tally;
  if (tally.done == tally.total) done_stages_.push_back(id);
}

std::optional<Block> Scheduler::on_block_done(BlockId block, Duration busy, TimePoint now) {
  if (!is_aboard(block)) {
    ++counts_.late_events;
    return std::nullopt;
  }
  busy = std::max(busy, Duration::zero());
  const WorkerId leader = worker_at(slot(block));
  if (workers_[leader.value].in_team) {
    for (const WorkerId member : team_of(leader)) workers_[member.value].tally.busy += busy;
  } else {
    workers_[leader.value].tally.busy += busy;
  }
  const Block done = settle(slot(block), true, now);
  WorkerTally& worker = workers_[leader.value].tally;
  worker.elements += done.range.size();
  ++worker.blocks;
  Stage& stage = stages_[done.stage.value];
  stage.policy.on_measured(done.range.size(), busy);
  stage.tally.busy += busy;
  stage.tally.done += done.range.size();
  ++stage.tally.blocks;
  close_if_done(done.stage);
  return done;
}

std::optional<Block> Scheduler::on_block_failed(BlockId block, TimePoint now) {
  if (!is_aboard(block)) {
    ++counts_.late_events;
    return std::nullopt;
  }
  const Block failed = settle(slot(block), false, now);
  return_to_pool(failed.stage.value, flight_at(slot(block)).ranks, failed.range);
  stop(Stopping::queued);
  return failed;
}

std::optional<Block> Scheduler::on_block_stopped(BlockId block, Index completed, Duration busy,
                                                 TimePoint now) {
  const std::optional<Block> whole = find_in_flight(block);
  if (!whole) {
    ++counts_.late_events;
    return std::nullopt;
  }
  on_block_retracted(block, {whole->range.begin + completed, whole->range.end}, now);
  if (completed > 0) on_block_done(block, busy, now);
  return whole;
}

bool Scheduler::on_block_retracted(BlockId block, IndexRange rest, TimePoint now) {
  Flight& flight = flight_at(slot(block));
  if (!is_aboard(block)) {
    if (!rest.empty() && flight.id == block && flight.was_done)
      throw Bug(fmt::format("Scheduler: block {} was done, and then [{}, {}) of it came back undone", block,
                            rest.begin, rest.end));
    ++counts_.late_events;
    return false;
  }
  set_asked(flight, Asked::answered);
  if (rest.empty()) return false;
  if (rest.end != flight.range.end || rest.begin < flight.range.begin)
    throw Bug(fmt::format("Scheduler: what came back of block {}, [{}, {}), is not the end of [{}, {})",
                          block, rest.begin, rest.end, flight.range.begin, flight.range.end));
  const std::uint32_t stage = flight.stage;
  if (rest == flight.range) {
    settle(slot(block), false, now);
  } else {
    flight.range.end = rest.begin;
    stages_[stage].tally.in_flight -= rest.size();
  }
  return_to_pool(stage, flight.ranks, rest);
  return true;
}

std::vector<Block> Scheduler::take_from_lost(WorkerId worker, TimePoint now) {
  std::vector<Block> had;
  for (std::size_t i = 0; i < kDepth; ++i)
    if (workers_.at(worker.value).flights[i].aboard)
      had.push_back(settle(worker.value * kDepth + i, false, now));
  on_worker_lost(worker, now);
  return had;
}

void Scheduler::on_drain(TimePoint) { stop(Stopping::queued_and_running); }

// Blocks in flight

/// The place among the flights that `block` has or had.
std::size_t Scheduler::slot(BlockId block) const {
  const std::uint64_t sequence = block >> slot_bits_;
  const std::size_t place = block & ((std::uint64_t{1} << slot_bits_) - 1);
  if (sequence == 0 || sequence >= next_sequence_ || place >= workers_.size() * kDepth)
    throw Bug(fmt::format("Scheduler: block {} was never handed out", block));
  return place;
}

/// Ends a flight and files its worker anew.
Block Scheduler::settle(std::size_t place, bool done, TimePoint now) {
  Worker& worker = workers_[place / kDepth];
  Flight& flight = worker.flights[place % kDepth];
  set_asked(flight, Asked::answered);
  flight.aboard = false;
  flight.was_done = done;
  --counts_.in_flight;
  stages_[flight.stage].tally.in_flight -= flight.range.size();
  if (place % kDepth == worker.running) {
    worker.running = static_cast<std::uint8_t>(1 - worker.running);
    worker.since = now;
  }
  --worker.load;
  if (worker.in_team) disband(worker_at(place), now);
  relist(worker_at(place));
  return {.id = flight.id, .stage = {flight.stage}, .range = flight.range};
}

/// Puts a worker into the list of what can be done with it now.
void Scheduler::relist(WorkerId id) {
  Worker& worker = workers_[id.value];
  const bool limited = worker.traits.max_block.has_value();
  teams_.set_idle(id, worker.load == 0);
  WorkerPlace place = WorkerPlace::set_aside;
  if (worker.lost || worker.in_team)
    place = WorkerPlace::set_aside;
  else if (worker.load == 0 && teams_.holds(id))
    place = WorkerPlace::idle_held;
  else if (worker.load == 0)
    place = limited ? WorkerPlace::idle_limited : WorkerPlace::idle;
  else if (worker.load == 1 && !limited && worker.traits.may_prefetch)
    place = WorkerPlace::one_block;
  else if (worker.load == 2 && queued_of(worker).asked == Asked::no)
    place = WorkerPlace::two_blocks;
  lists_.move(id, place);
}

void Scheduler::return_to_pool(std::uint32_t stage, std::uint32_t ranks, IndexRange range) {
  if (ranks > 1) return teams_.give_back(stage, stages_[stage].order, ranks, range);
  if (stages_[stage].pool.empty()) {
    const auto later = [this](std::uint32_t a, std::uint32_t b) {
      return stages_[a].order < stages_[b].order;
    };
    open_.insert(std::lower_bound(open_.begin(), open_.end(), stage, later), stage);
  }
  stages_[stage].pool.give_back(range);
}

bool Scheduler::is_splittable(const Flight& flight) const {
  return flight.aboard && flight.asked == Asked::no && flight.range.size() > 1 &&
         !stages_[flight.stage].policy.is_fixed();
}

/// Keeps the counts of what was asked and what could be asked.
void Scheduler::set_asked(Flight& flight, Asked asked) {
  counts_.splittable -= is_splittable(flight) ? 1 : 0;
  counts_.asked += (asked == Asked::waiting ? 1 : 0) - (flight.asked == Asked::waiting ? 1 : 0);
  flight.asked = asked;
}

void Scheduler::stop(Stopping how) {
  if (how <= stopping_) return;
  stopping_ = how;
  recall_position_ = 0;
  teams_.release();
}

// Actions

std::optional<Action> Scheduler::next_action(TimePoint now) {
  if (done_position_ < done_stages_.size()) {
    const StageId stage = done_stages_[done_position_++];
    if (done_position_ == done_stages_.size()) {
      done_stages_.clear();
      done_position_ = 0;
    }
    return StageDone{stage};
  }
  if (stopped()) return recall();
  if (!teams_.empty() || held_version_ != teams_.held_version()) {
    if (auto action = start_team(now)) return action;
  }
  return open_.empty() ? steal(now) : hand_out(now);
}

std::optional<Action> Scheduler::hand_out(TimePoint now) {
  if (const auto worker = lists_.front(WorkerPlace::idle)) {
    const Stage& stage = stages_[open_.front()];
    return assign(*worker, {open_.front(), stage.policy.size(stage.pool.count(), counts_.workers_alive)},
                  now);
  }
  for (auto worker = lists_.front(WorkerPlace::idle_limited); worker; worker = lists_.next(*worker)) {
    if (const auto offer = offer_for_limited(*workers_[worker->value].traits.max_block))
      return assign(*worker, *offer, now);
  }
  if (lists_.size(WorkerPlace::idle_held) > 0) {
    if (auto action = fill_in(now)) return action;
  }
  return queue_ahead(now);
}

/// A second block for a worker that will be done with its first soon.
std::optional<Action> Scheduler::queue_ahead(TimePoint now) {
  if (lists_.size(WorkerPlace::one_block) == 0) return std::nullopt;
  const Stage& stage = stages_[open_.front()];
  const bool near_the_end = open_.size() == 1 && stage.pool.count() < 2 * counts_.workers_alive;
  if (near_the_end || !stage.policy.is_confident(counts_.workers_alive)) return std::nullopt;
  const Index size = stage.policy.size(stage.pool.count(), counts_.workers_alive);
  if (stage.policy.expected(size) >= options_.prefetch_below) return std::nullopt;
  while (const auto worker = lists_.front(WorkerPlace::one_block)) {
    if (!teams_.holds(*worker) && may_queue_behind(workers_[worker->value], now))
      return assign(*worker, {open_.front(), size}, now);
    lists_.move(*worker, WorkerPlace::set_aside);  // until its block ends, so that it is looked at once
  }
  return std::nullopt;
}

/// After a stop: takes back what has not begun.
std::optional<Action> Scheduler::recall() {
  for (; recall_position_ < workers_.size(); ++recall_position_) {
    Worker& worker = workers_[recall_position_];
    const WorkerId id{static_cast<std::uint32_t>(recall_position_)};
    Flight& queued = queued_of(worker);
    if (queued.aboard && queued.asked == Asked::no) return ask(id, queued);
    Flight& running = running_of(worker);
    if (stopping_ == Stopping::queued_and_running && running.aboard && running.asked == Asked::no &&
        running.range.size() > 1)
      return ask(id, running);
  }
  return std::nullopt;
}

/// Nothing is left to hand out: takes work from busy workers, one block for each idle worker.
std::optional<Action> Scheduler::steal(TimePoint now) {
  if (lists_.size(WorkerPlace::idle) <= counts_.asked) return std::nullopt;
  if (const auto victim = longest_waiting(now)) return ask(*victim, queued_of(workers_[victim->value]));
  if (const auto victim = long_running(now)) return ask(*victim, running_of(workers_[victim->value]));
  return std::nullopt;
}

Action Scheduler::assign(WorkerId id, Offer offer, TimePoint now) {
  Worker& worker = workers_[id.value];
  Stage& stage = stages_[offer.stage];
  Flight& flight = worker.load == 0 ? running_of(worker) : queued_of(worker);
  const std::size_t place = id.value * kDepth + static_cast<std::size_t>(&flight - worker.flights.data());
  flight = {.id = next_sequence_++ << slot_bits_ | place,
            .range = stage.pool.take(offer.size),
            .stage = offer.stage,
            .asked = Asked::no,
            .aboard = true};
  if (stage.pool.empty()) open_.erase(std::find(open_.begin(), open_.end(), offer.stage));
  if (worker.load++ == 0) worker.since = now;
  ++counts_.in_flight;
  counts_.splittable += is_splittable(flight) ? 1 : 0;
  stage.tally.in_flight += flight.range.size();
  teams_in_a_row_ = 0;
  relist(id);
  return Assign{.worker = id, .block = {.id = flight.id, .stage = {flight.stage}, .range = flight.range}};
}

Action Scheduler::ask(WorkerId worker, Flight& flight) {
  set_asked(flight, Asked::waiting);
  relist(worker);
  return Retract{.worker = worker, .block = flight.id};
}

// Judgements

/// The first stage of which a worker with that limit can take something.
std::optional<Scheduler::Offer> Scheduler::offer_for_limited(Duration max_block) const {
  for (const std::uint32_t id : open_) {
    const Stage& stage = stages_[id];
    if (!stage.policy.is_confident(counts_.workers_alive)) continue;
    const Index size = stage.policy.size(stage.pool.count(), counts_.workers_alive);
    const Index fitting = stage.policy.fitting(max_block);
    if (fitting >= size) return Offer{id, size};
    if (fitting >= 1 && !stage.policy.is_fixed()) return Offer{id, fitting};
  }
  return std::nullopt;
}

bool Scheduler::may_queue_behind(const Worker& worker, TimePoint now) const {
  const Flight& running = worker.flights[worker.running];
  const BlockPolicy& policy = stages_[running.stage].policy;
  // One that runs for longer than it should is likely to go on doing so.
  return policy.is_confident(counts_.workers_alive) &&
         policy.expected(running.range.size()) < options_.prefetch_below &&
         now - worker.since < options_.prefetch_below;
}

/// The worker whose queued block will wait longest: in heavy-tailed work that is where one block runs
/// longest.
std::optional<WorkerId> Scheduler::longest_waiting(TimePoint now) {
  std::optional<WorkerId> longest;
  for (Index i = std::min(looked_at, lists_.size(WorkerPlace::two_blocks)); i > 0; --i) {
    const WorkerId id = *lists_.front(WorkerPlace::two_blocks);
    lists_.move(id, WorkerPlace::two_blocks);  // the next call looks at others
    Worker& worker = workers_[id.value];
    const Flight& running = running_of(worker);
    const Duration expected =
        stages_[running.stage].policy.expected(running.range.size()).value_or(Duration::zero());
    if (std::max(expected, now - worker.since) < options_.target_block)
      continue;  // sooner begun than taken back
    if (!longest || worker.since < workers_[longest->value].since) longest = id;
  }
  return longest;
}

std::optional<WorkerId> Scheduler::long_running(TimePoint now) {
  std::optional<WorkerId> longest;
  if (counts_.splittable == 0) return longest;
  for (Index i = std::min<Index>(looked_at, static_cast<Index>(workers_.size())); i > 0; --i) {
    split_position_ = (split_position_ + 1) % workers_.size();
    Worker& worker = workers_[split_position_];
    if (!is_splittable(running_of(worker)) || now - worker.since < options_.split_after) continue;
    if (!longest || worker.since < workers_[longest->value].since)
      longest = WorkerId{static_cast<std::uint32_t>(split_position_)};
  }
  return longest;
}

// Questions

bool Scheduler::finished() const {
  const bool nothing_left = open_.empty() && teams_.empty();
  return counts_.in_flight == 0 && (stopped() || nothing_left) && done_position_ == done_stages_.size();
}

bool Scheduler::stuck() const {
  if (stopped() || counts_.in_flight > 0 || teams_.has_feasible()) return false;
  if (open_.empty()) return !teams_.empty();
  if (lists_.front(WorkerPlace::idle)) return false;
  for (auto worker = lists_.front(WorkerPlace::idle_limited); worker; worker = lists_.next(*worker))
    if (offer_for_limited(*workers_[worker->value].traits.max_block)) return false;
  return true;
}

StageTally Scheduler::tally(StageId stage) const {
  if (stage.value >= stages_.size()) return {};
  StageTally tally = stages_[stage.value].tally;
  tally.element_time = stages_[stage.value].policy.element_time();
  return tally;
}

bool Scheduler::is_in_flight(BlockId block) const { return is_aboard(block); }

std::optional<Block> Scheduler::find_in_flight(BlockId block) const {
  if (!is_aboard(block)) return std::nullopt;
  const Flight& flight = flight_at(slot(block));
  return Block{block, StageId{flight.stage}, flight.range};
}

RangeSet Scheduler::unfinished(StageId stage) const {
  if (stage.value >= stages_.size()) return {};
  RangeSet elements = stages_[stage.value].pool.elements().united(teams_.elements(stage.value));
  for (const Worker& worker : workers_)
    for (const Flight& flight : worker.flights)
      if (flight.aboard && flight.stage == stage.value) elements.insert(flight.range);
  return elements;
}

}  // namespace mpipe
