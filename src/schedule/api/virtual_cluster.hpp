// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Workers in virtual time: one scheduling rank that handles one message after the other, and workers that
/// compute what it sends. It says how long a run would take without anybody computing anything.
#pragma once

#include "schedule/api/scheduler.hpp"

#include <deque>
#include <functional>
#include <queue>
#include <span>
#include <utility>
#include <vector>

namespace mpipe {

struct VirtualClusterOptions {
  std::size_t workers = 2;
  Duration latency = std::chrono::microseconds(1);  ///< of a message
  Duration message_cost =
      std::chrono::microseconds(1);                    ///< for the scheduling rank, each one sent or received
  Duration block_cost = std::chrono::microseconds(1);  ///< for the worker
  /// When a worker looks at its messages: after each element, or after each block only.
  bool looks_between_elements = true;
  /// Worker 0 is the scheduling rank itself, which handles no message while it computes, if not zero.
  Duration max_block_of_rank0{};
};

/// Runs stages, without teams, on workers that take the time that they are told. Local; deterministic. Costs some
/// microseconds per block.
class VirtualCluster {
 public:
  using ElementTime = std::function<Duration(StageId, Index)>;

  VirtualCluster(VirtualClusterOptions cluster, SchedulerOptions options, ElementTime element_time);

  /// Virtual time from the beginning until all these elements are done, which become ready together. May be called
  /// again, for those that needed them.
  Duration run(std::span<const std::pair<StageId, RangeSet>> stages);

  const Scheduler& scheduler() const { return scheduler_; }
  Index messages() const { return messages_; }

 private:
  struct Event {
    TimePoint when;
    std::uint64_t order;  // of equal times
    std::function<void(TimePoint)> what;
    bool operator<(const Event& other) const {
      return when != other.when ? other.when < when : other.order < order;
    }
  };
  struct Worker {
    std::deque<Block> blocks;       // the first one is computed
    std::vector<BlockId> retracts;  // not looked at yet
    Duration busy{};
    Index next = 0;  // element of the first block
    bool computing = false;
  };

  void at(TimePoint when, std::function<void(TimePoint)> what);
  // The scheduling rank
  void act();
  void report(TimePoint now, std::function<void()> event);
  // The workers
  void receive(const Action& action, TimePoint now);
  void begin(WorkerId id, TimePoint now);
  void continue_block(WorkerId id, TimePoint now);
  void end_of_step(WorkerId id, TimePoint now);
  void look(WorkerId id, TimePoint now);

  VirtualClusterOptions cluster_;
  ElementTime element_time_;
  Scheduler scheduler_;
  std::vector<Worker> workers_;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  TimePoint rank0_{};
  Index messages_ = 0;
};

}  // namespace mpipe
