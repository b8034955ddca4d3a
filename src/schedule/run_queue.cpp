// SPDX-License-Identifier: BSD-3-Clause
// Decides which subgroup of ranks computes which run, as a state machine without side effects.
#include "schedule/api/run_queue.hpp"

#include <mpipe/core/error.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace mpipe {

RunQueue::RunQueue(std::uint32_t runs, std::vector<std::uint32_t> subgroup_sizes) : runs_(runs) {
  if (subgroup_sizes.empty()) throw Bug("a queue of runs without a subgroup");
  for (const std::uint32_t size : subgroup_sizes) subgroups_.push_back({size, Duty::idle, {}});
}

void RunQueue::on_over(MapId id) {
  Run& run = runs_.at(id.value);
  if (run.state != State::running) throw Bug("run " + std::to_string(id.value) + " ended, but does not run");
  run.state = State::over;
  // A subgroup that is still on offer to the run is not among these: its answer makes it idle.
  for (const SubgroupId subgroup : run.subgroups) subgroups_[subgroup.value].duty = Duty::idle;
  run.subgroups.clear();
}

RunQueue::Subgroup& RunQueue::offered(MapId run, SubgroupId subgroup) {
  Subgroup& found = subgroups_.at(subgroup.value);
  if (found.duty != Duty::on_offer || found.run != run)
    throw Bug("subgroup " + std::to_string(subgroup.value) + " was not on offer to run " +
              std::to_string(run.value));
  return found;
}

void RunQueue::on_joined(MapId id, SubgroupId subgroup) {
  Subgroup& joined = offered(id, subgroup);
  Run& run = runs_.at(id.value);
  if (run.state != State::running)
    throw Bug("a subgroup joined run " + std::to_string(id.value) + ", which is over");
  joined.duty = Duty::serving;
  run.subgroups.push_back(subgroup);
}

void RunQueue::on_declined(MapId id, SubgroupId subgroup) {
  Subgroup& declined = offered(id, subgroup);
  declined.duty = Duty::idle;
  runs_[id.value].declines = true;
  // The ranks were counted when the offer was made, so that several offers are spread over the runs.
  runs_[id.value].ranks -= declined.size;
}

void RunQueue::cancel(MapId id) {
  Run& run = runs_.at(id.value);
  // A run that waits has no ranks that would have to be told, so it is over at once.
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
    // The run may have ended by itself since it was cancelled.
    if (state(run) == State::running) return CancelRun{run};
  }
  const std::optional<SubgroupId> subgroup = idle_subgroup();
  if (!subgroup) return std::nullopt;
  Subgroup& idle = subgroups_[subgroup->value];
  if (const std::optional<MapId> id = next_waiting()) {
    Run& run = runs_[id->value];
    run.state = State::running;
    run.subgroups = {*subgroup};
    run.ranks = idle.size;
    idle.duty = Duty::serving;
    idle.run = *id;
    return BeginRun{*id, *subgroup};
  }
  const std::optional<MapId> id = run_that_takes();
  if (!id) return std::nullopt;
  idle.duty = Duty::on_offer;
  idle.run = *id;
  runs_[id->value].ranks += idle.size;
  return OfferSubgroup{*id, *subgroup};
}

std::optional<SubgroupId> RunQueue::idle_subgroup() const {
  for (std::uint32_t k = 0; k < subgroups_.size(); ++k)
    if (subgroups_[k].duty == Duty::idle) return SubgroupId{k};
  return std::nullopt;
}

/// No run waits twice: looking for the first one anew each time would cost the square of the runs.
std::optional<MapId> RunQueue::next_waiting() {
  while (first_waiting_ < run_count() && runs_[first_waiting_].state != State::waiting) ++first_waiting_;
  if (first_waiting_ == run_count()) return std::nullopt;
  return MapId{first_waiting_};
}

/// A run that goes on is served by a subgroup, and there are few of these. Of runs with equally many ranks the first
/// one is taken.
std::optional<MapId> RunQueue::run_that_takes() const {
  std::optional<MapId> best;
  for (const Subgroup& subgroup : subgroups_) {
    if (subgroup.duty != Duty::serving) continue;
    const Run& run = runs_[subgroup.run.value];
    if (run.state != State::running || run.declines || run.cancelling) continue;
    const auto rank = [&](MapId id) { return std::pair(runs_[id.value].ranks, id.value); };
    if (!best || rank(subgroup.run) < rank(*best)) best = subgroup.run;
  }
  return best;
}

std::vector<SubgroupId> RunQueue::subgroups_of(MapId run) const { return runs_.at(run.value).subgroups; }

bool RunQueue::finished() const {
  return std::all_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.state == State::over; }) &&
         std::none_of(subgroups_.begin(), subgroups_.end(),
                      [](const Subgroup& subgroup) { return subgroup.duty == Duty::on_offer; });
}

}  // namespace mpipe
