// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/core/error.hpp>
#include <mpipe/schedule/run_queue.hpp>

#include <algorithm>
#include <string>

namespace mpipe {

RunQueue::RunQueue(std::uint32_t runs, std::vector<std::uint32_t> team_sizes) : runs_(runs) {
  if (team_sizes.empty()) throw Bug("a queue of runs without a team");
  for (const std::uint32_t size : team_sizes) teams_.push_back({size, Duty::idle, {}});
}

void RunQueue::on_over(MapId id) {
  Run& run = runs_.at(id.value);
  if (run.state != State::running) throw Bug("run " + std::to_string(id.value) + " ended, but does not run");
  run.state = State::over;
  for (const TeamId team : run.teams) teams_[team.value].duty = Duty::idle;
  run.teams.clear();
}

RunQueue::Team& RunQueue::offered(MapId run, TeamId team) {
  Team& found = teams_.at(team.value);
  if (found.duty != Duty::on_offer || found.run != run)
    throw Bug("team " + std::to_string(team.value) + " was not on offer to run " + std::to_string(run.value));
  return found;
}

void RunQueue::on_joined(MapId id, TeamId team) {
  Team& joined = offered(id, team);
  Run& run = runs_.at(id.value);
  if (run.state != State::running)
    throw Bug("a team joined run " + std::to_string(id.value) + ", which is over");
  joined.duty = Duty::serving;
  run.teams.push_back(team);
}

void RunQueue::on_declined(MapId id, TeamId team) {
  Team& declined = offered(id, team);
  declined.duty = Duty::idle;
  runs_[id.value].declines = true;
  runs_[id.value].ranks -= declined.size;
}

void RunQueue::cancel(MapId id) {
  Run& run = runs_.at(id.value);
  if (run.state == State::waiting) {
    run.state = State::over;
    run.dropped = true;
  } else if (run.state == State::running && !run.cancelling) {
    run.cancelling = true;
    to_cancel_.push_back(id);
  }
}

std::optional<RunAction> RunQueue::next_action() {
  while (!to_cancel_.empty()) {
    const MapId run = to_cancel_.front();
    to_cancel_.pop_front();
    if (state(run) == State::running) return CancelRun{run};
  }
  const std::optional<TeamId> team = idle_team();
  if (!team) return std::nullopt;
  Team& idle = teams_[team->value];
  if (const std::optional<MapId> id = next_waiting()) {
    Run& run = runs_[id->value];
    run.state = State::running;
    run.teams = {*team};
    run.ranks = idle.size;
    idle.duty = Duty::serving;
    idle.run = *id;
    return BeginRun{*id, *team};
  }
  const std::optional<MapId> id = run_that_takes();
  if (!id) return std::nullopt;
  idle.duty = Duty::on_offer;
  idle.run = *id;
  runs_[id->value].ranks += idle.size;
  return OfferTeam{*id, *team};
}

std::optional<TeamId> RunQueue::idle_team() const {
  for (std::uint32_t k = 0; k < teams_.size(); ++k)
    if (teams_[k].duty == Duty::idle) return TeamId{k};
  return std::nullopt;
}

std::optional<MapId> RunQueue::next_waiting() const {
  for (std::uint32_t k = 0; k < runs_.size(); ++k)
    if (runs_[k].state == State::waiting) return MapId{k};
  return std::nullopt;
}

std::optional<MapId> RunQueue::run_that_takes() const {
  std::optional<MapId> best;
  for (std::uint32_t k = 0; k < runs_.size(); ++k) {
    const Run& run = runs_[k];
    if (run.state != State::running || run.declines || run.cancelling) continue;
    if (!best || run.ranks < runs_[best->value].ranks) best = MapId{k};
  }
  return best;
}

std::vector<TeamId> RunQueue::teams_of(MapId run) const { return runs_.at(run.value).teams; }

bool RunQueue::finished() const {
  return std::all_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.state == State::over; }) &&
         std::none_of(teams_.begin(), teams_.end(),
                      [](const Team& team) { return team.duty == Duty::on_offer; });
}

}  // namespace mpipe
