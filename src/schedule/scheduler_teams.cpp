// SPDX-License-Identifier: BSD-3-Clause
// Elements that several workers compute together, among all others.
#include <mpipe/core/error.hpp>

#include "schedule/api/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace mpipe {

namespace {

/// Of more workers than this it is not asked when they will be idle: a job that large has others to fill in.
constexpr std::size_t asked_at_most = 1024;

}  // namespace

void Scheduler::on_team_stage_ready(StageId id, std::span<const TeamElements> todo, TimePoint) {
  RangeSet all;
  for (const TeamElements& some : todo) {
    if (some.ranks < 1 || !all.intersection(some.elements).empty())
      throw Bug("Scheduler: an element for two teams, or for a team of nobody");
    all = all.united(some.elements);
  }
  Stage& stage = admit(id, all, 1);
  if (stage.pool.empty()) stage.order = next_order_++;
  for (const TeamElements& some : todo) {
    if (some.ranks > 1) {
      teams_.add(id.value, stage.order, some);
      continue;
    }
    if (stage.pool.empty() && !some.elements.empty()) open_.push_back(id.value);
    stage.pool.add(some.elements);
  }
  close_if_done(id);
}

/// Others wait, and so many teams went before them.
bool Scheduler::others_have_a_turn() const {
  return !open_.empty() && teams_in_a_row_ >= 2 * counts_.workers_alive;
}

std::optional<Action> Scheduler::start_team(TimePoint now) {
  std::optional<NextTeam> team;
  const bool others = others_have_a_turn();
  if (!teams_.empty() && !(others && teams_.held().empty())) team = teams_.next(open_.empty(), others);
  if (held_version_ != teams_.held_version()) relist_held();
  if (!team) return std::nullopt;
  return assign_team(std::move(*team), now);
}

/// Shows in the lists which idle workers are held.
void Scheduler::relist_held() {
  held_version_ = teams_.held_version();
  std::vector<WorkerId> before;
  for (auto worker = lists_.front(WorkerPlace::idle_held); worker; worker = lists_.next(*worker))
    before.push_back(*worker);
  for (const WorkerId worker : before) relist(worker);
  for (const WorkerId worker : teams_.held())
    if (workers_[worker.value].load == 0) relist(worker);
}

Action Scheduler::assign_team(NextTeam team, TimePoint now) {
  const WorkerId leader = team.members.front();
  Flight& flight = running_of(workers_[leader.value]);
  const std::size_t place =
      leader.value * kDepth + static_cast<std::size_t>(&flight - workers_[leader.value].flights.data());
  flight = {.id = next_sequence_++ << slot_bits_ | place,
            .range = team.element,
            .stage = team.stage,
            .ranks = static_cast<std::uint32_t>(team.members.size()),
            .asked = Asked::no,
            .aboard = true};
  for (const WorkerId member : team.members) {
    Worker& worker = workers_[member.value];
    worker.load = 1;
    worker.in_team = true;
    worker.leader = leader.value;
    worker.since = now;
    relist(member);
  }
  ++counts_.in_flight;
  ++teams_in_a_row_;
  stages_[team.stage].tally.in_flight += 1;
  running_teams_[leader.value] = team.members;
  return AssignTeam{std::move(team.members),
                    {.id = flight.id, .stage = {flight.stage}, .range = flight.range}};
}

/// All members of the team that a worker is in.
const std::vector<WorkerId>& Scheduler::team_of(WorkerId worker) const {
  return running_teams_.at(workers_[worker.value].leader);
}

/// The element is over; the leader is filed by the caller.
void Scheduler::disband(WorkerId leader, TimePoint now) {
  const auto team = running_teams_.extract(leader.value);
  for (const WorkerId member : team.mapped()) {
    Worker& worker = workers_[member.value];
    worker.in_team = false;
    if (member == leader) continue;
    worker.load = 0;
    worker.since = now;
    relist(member);
  }
}

void Scheduler::on_worker_lost(WorkerId id, TimePoint now) {
  Worker& worker = workers_.at(id.value);
  if (worker.lost) {
    ++counts_.late_events;
    return;
  }
  if (!worker.in_team) return lose(id, now);
  const std::vector<WorkerId> team = team_of(id);
  for (const WorkerId member : team) lose(member, now);
}

void Scheduler::lose(WorkerId id, TimePoint now) {
  Worker& worker = workers_[id.value];
  worker.lost = true;
  --counts_.workers_alive;
  teams_.lose(id);
  for (std::size_t i = 0; i < kDepth; ++i) {
    if (!worker.flights[i].aboard) continue;
    const Block block = settle(id.value * kDepth + i, false, now);
    return_to_pool(block.stage.value, worker.flights[i].ranks, block.range);
  }
  relist(id);
}

/// A block for a worker that is held for a team, if it is over before that begins.
std::optional<Action> Scheduler::fill_in(TimePoint now) {
  const auto begins = team_begins(now);
  if (!begins || *begins <= now) return std::nullopt;
  const auto offer = offer_for_limited(*begins - now);
  if (!offer) return std::nullopt;
  return assign(*lists_.front(WorkerPlace::idle_held), *offer, now);
}

/// When enough of the held workers are expected to be idle; nothing where that is not known.
std::optional<TimePoint> Scheduler::team_begins(TimePoint now) const {
  const std::span<const WorkerId> held = teams_.held();
  if (held.empty() || held.size() > asked_at_most) return std::nullopt;
  std::vector<TimePoint> ends;
  for (const WorkerId id : held) {
    const Worker& worker = workers_[id.value];
    if (worker.load == 0) continue;
    if (const auto end = expected_idle(id)) ends.push_back(std::max(*end, now));
  }
  const std::size_t missing = teams_.missing();
  if (missing == 0 || ends.size() < missing) return std::nullopt;
  const auto last = ends.begin() + static_cast<std::ptrdiff_t>(missing - 1);
  std::nth_element(ends.begin(), last, ends.end());
  return *last;
}

std::optional<TimePoint> Scheduler::expected_idle(WorkerId id) const {
  const Worker& worker = workers_[id.value];
  // The one block of a team is at its leader.
  const Worker& holder = worker.in_team ? workers_[worker.leader] : worker;
  TimePoint end = worker.since;
  for (const Flight& flight : holder.flights) {
    if (!flight.aboard) continue;
    const auto expected = stages_[flight.stage].policy.expected(flight.range.size());
    if (!expected) return std::nullopt;
    end += *expected;
  }
  return end;
}

}  // namespace mpipe
