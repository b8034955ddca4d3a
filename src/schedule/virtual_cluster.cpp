// SPDX-License-Identifier: BSD-3-Clause
// Lets the scheduler hand out blocks to workers whose time only counts.
#include "schedule/api/virtual_cluster.hpp"

#include <algorithm>
#include <optional>
#include <variant>

namespace mpipe {
namespace {

std::vector<WorkerTraits> traits(const VirtualClusterOptions& cluster) {
  std::vector<WorkerTraits> all(cluster.workers);
  if (cluster.max_block_of_rank0 > Duration::zero()) all.at(0).max_block = cluster.max_block_of_rank0;
  return all;
}

}  // namespace

VirtualCluster::VirtualCluster(VirtualClusterOptions cluster, SchedulerOptions options,
                               ElementTime element_time)
    : cluster_(cluster),
      element_time_(std::move(element_time)),
      scheduler_(options, traits(cluster)),
      workers_(cluster.workers) {}

Duration VirtualCluster::run(std::span<const std::pair<StageId, RangeSet>> stages) {
  for (const auto& [stage, todo] : stages) scheduler_.on_stage_ready(stage, todo, rank0_);
  act();
  while (!events_.empty()) {
    const Event event = events_.top();
    events_.pop();
    event.what(event.when);
    if (events_.empty()) act();
  }
  return rank0_ - TimePoint{};
}

void VirtualCluster::at(TimePoint when, std::function<void(TimePoint)> what) {
  events_.push({when, order_++, std::move(what)});
}

void VirtualCluster::act() {
  while (const auto action = scheduler_.next_action(rank0_)) {
    if (std::holds_alternative<StageDone>(*action)) continue;
    rank0_ += cluster_.message_cost;
    ++messages_;
    at(rank0_ + cluster_.latency, [this, action = *action](TimePoint now) { receive(action, now); });
  }
}

void VirtualCluster::report(TimePoint now, std::function<void()> event) {
  at(now + cluster_.latency, [this, event = std::move(event)](TimePoint arrival) {
    rank0_ = std::max(rank0_, arrival) + cluster_.message_cost;
    ++messages_;
    event();
    act();
  });
}

void VirtualCluster::receive(const Action& action, TimePoint now) {
  if (const auto* assign = std::get_if<Assign>(&action)) {
    Worker& worker = workers_[assign->worker.value];
    worker.blocks.push_back(assign->block);
    if (!worker.computing) begin(assign->worker, now);
  } else if (const auto* retract = std::get_if<Retract>(&action)) {
    Worker& worker = workers_[retract->worker.value];
    worker.retracts.push_back(retract->block);
    if (!worker.computing) look(retract->worker, now);
  }
}

void VirtualCluster::begin(WorkerId id, TimePoint now) {
  Worker& worker = workers_[id.value];
  if (worker.blocks.empty()) return;
  worker.computing = true;
  worker.busy = cluster_.block_cost;
  worker.next = worker.blocks.front().range.begin;
  continue_block(id, now + cluster_.block_cost);
}

void VirtualCluster::continue_block(WorkerId id, TimePoint now) {
  Worker& worker = workers_[id.value];
  const Block& block = worker.blocks.front();
  const Index end = cluster_.looks_between_elements ? worker.next + 1 : block.range.end;
  Duration time{};
  for (; worker.next < end; ++worker.next) time += element_time_(block.stage, worker.next);
  worker.busy += time;
  const bool is_rank0 = id.value == 0 && cluster_.max_block_of_rank0 > Duration::zero();
  if (is_rank0) rank0_ = std::max(rank0_, now + time);
  at(now + time, [this, id](TimePoint then) { end_of_step(id, then); });
}

/// The worker has computed an element, or its whole block.
void VirtualCluster::end_of_step(WorkerId id, TimePoint now) {
  if (cluster_.looks_between_elements) look(id, now);
  Worker& worker = workers_[id.value];
  if (worker.next < worker.blocks.front().range.end) return continue_block(id, now);
  report(now, [this, block = worker.blocks.front().id, busy = worker.busy] {
    scheduler_.on_block_done(block, busy, rank0_);
  });
  worker.blocks.pop_front();
  worker.computing = false;
  look(id, now);
  begin(id, now);
}

void VirtualCluster::look(WorkerId id, TimePoint now) {
  Worker& worker = workers_[id.value];
  for (const BlockId retract : worker.retracts) {
    const auto block = std::find_if(worker.blocks.begin(), worker.blocks.end(),
                                    [&](const Block& candidate) { return candidate.id == retract; });
    if (block == worker.blocks.end()) continue;
    IndexRange rest = block->range;
    if (block == worker.blocks.begin() && worker.computing) {
      rest.begin = worker.next;
      block->range.end = rest.begin;
    } else {
      worker.blocks.erase(block);
    }
    report(now, [this, retract, rest] { scheduler_.on_block_retracted(retract, rest, rank0_); });
  }
  worker.retracts.clear();
}

}  // namespace mpipe
