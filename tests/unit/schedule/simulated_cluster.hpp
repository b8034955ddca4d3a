// SPDX-License-Identifier: BSD-3-Clause
// Workers in virtual time: one scheduling rank that handles one message after the other, and workers that
// compute what it sends.
#pragma once

#include "schedule/api/scheduler.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

namespace mpipe::test {

struct ClusterOptions {
  std::size_t workers = 2;
  Duration latency = std::chrono::microseconds(1);       // of a message
  Duration message_cost = std::chrono::microseconds(1);  // for the scheduling rank, each one sent or received
  Duration block_cost = std::chrono::microseconds(1);    // for the worker
  /// When a worker looks at its messages: after each element, or after each block only.
  bool looks_between_elements = true;
  /// Worker 0 is the scheduling rank itself, which handles no message while it computes, if not zero.
  Duration max_block_of_rank0{};
};

class SimulatedCluster {
 public:
  using ElementTime = std::function<Duration(Index)>;

  SimulatedCluster(ClusterOptions cluster, SchedulerOptions options, ElementTime element_time)
      : cluster_(cluster),
        element_time_(std::move(element_time)),
        scheduler_(options, traits(cluster)),
        workers_(cluster.workers) {}

  /// Virtual time until all elements of one stage are done.
  Duration run(const RangeSet& todo) {
    scheduler_.on_stage_ready({0}, todo, rank0_);
    act();
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      event.what(event.when);
      if (events_.empty()) act();
    }
    return rank0_ - TimePoint{};
  }

  const Scheduler& scheduler() const { return scheduler_; }
  Index messages() const { return messages_; }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t order;  // of equal times
    std::function<void(TimePoint)> what;
    bool operator<(const Event& other) const {
      return std::tie(other.when, other.order) < std::tie(when, order);
    }
  };
  struct Worker {
    std::deque<Block> blocks;       // the first one is computed
    std::vector<BlockId> retracts;  // not looked at yet
    TimePoint began;
    Duration busy{};
    Index next = 0;  // element of the first block
    bool computing = false;
  };

  static std::vector<WorkerTraits> traits(const ClusterOptions& cluster) {
    std::vector<WorkerTraits> all(cluster.workers);
    if (cluster.max_block_of_rank0 > Duration::zero()) all.at(0).max_block = cluster.max_block_of_rank0;
    return all;
  }

  void at(TimePoint when, std::function<void(TimePoint)> what) {
    events_.push({when, order_++, std::move(what)});
  }

  // The scheduling rank

  void act() {
    while (const auto action = scheduler_.next_action(rank0_)) {
      if (std::holds_alternative<StageDone>(*action)) continue;
      rank0_ += cluster_.message_cost;
      ++messages_;
      at(rank0_ + cluster_.latency, [this, action = *action](TimePoint now) { receive(action, now); });
    }
  }

  void report(TimePoint now, std::function<void()> event) {
    at(now + cluster_.latency, [this, event = std::move(event)](TimePoint arrival) {
      rank0_ = std::max(rank0_, arrival) + cluster_.message_cost;
      ++messages_;
      event();
      act();
    });
  }

  // The workers

  void receive(const Action& action, TimePoint now) {
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

  void begin(WorkerId id, TimePoint now) {
    Worker& worker = workers_[id.value];
    if (worker.blocks.empty()) return;
    worker.computing = true;
    worker.began = now;
    worker.busy = cluster_.block_cost;
    worker.next = worker.blocks.front().range.begin;
    continue_block(id, now + cluster_.block_cost);
  }

  void continue_block(WorkerId id, TimePoint now) {
    Worker& worker = workers_[id.value];
    const Index end = cluster_.looks_between_elements ? worker.next + 1 : worker.blocks.front().range.end;
    Duration time{};
    for (; worker.next < end; ++worker.next) time += element_time_(worker.next);
    worker.busy += time;
    const bool is_rank0 = id.value == 0 && cluster_.max_block_of_rank0 > Duration::zero();
    if (is_rank0) rank0_ = std::max(rank0_, now + time);
    at(now + time, [this, id](TimePoint then) {
      if (cluster_.looks_between_elements) look(id, then);
      Worker& self = workers_[id.value];
      if (self.next < self.blocks.front().range.end) return continue_block(id, then);
      report(then, [this, id, block = self.blocks.front().id, busy = self.busy] {
        scheduler_.on_block_done(block, busy, rank0_);
      });
      self.blocks.pop_front();
      self.computing = false;
      look(id, then);
      begin(id, then);
    });
  }

  void look(WorkerId id, TimePoint now) {
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

  ClusterOptions cluster_;
  ElementTime element_time_;
  Scheduler scheduler_;
  std::vector<Worker> workers_;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  TimePoint rank0_{};
  Index messages_ = 0;
};

}  // namespace mpipe::test
