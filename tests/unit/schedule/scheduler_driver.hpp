// SPDX-License-Identifier: BSD-3-Clause
// A scheduler with a hand on its clock, for tests of single rules.
#pragma once

#include "schedule/api/scheduler.hpp"

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

namespace mpipe::test {

using namespace std::chrono_literals;

inline RangeSet elements(Index count) { return {{0, count}}; }
inline std::vector<WorkerTraits> workers(std::size_t count) { return std::vector<WorkerTraits>(count); }

using Ids = std::vector<std::uint32_t>;

inline Ids receivers(const std::vector<Assign>& assigned) {
  Ids ids;
  for (const Assign& assign : assigned) ids.push_back(assign.worker.value);
  return ids;
}

struct SchedulerDriver {
  Scheduler scheduler;
  TimePoint now{};
  std::vector<Assign> assigned{};  // by the last call of `act`
  std::vector<Retract> retracted{};
  std::vector<StageId> stages_done{};
  std::vector<Block> waiting{};  // assigned at any time, and neither done nor given back

  // Everything that the scheduler wants to have done now.
  void act() {
    assigned.clear();
    retracted.clear();
    stages_done.clear();
    while (const auto action = scheduler.next_action(now)) {
      if (const auto* assign = std::get_if<Assign>(&*action)) {
        assigned.push_back(*assign);
        waiting.push_back(assign->block);
      }
      if (const auto* retract = std::get_if<Retract>(&*action)) retracted.push_back(*retract);
      if (const auto* done = std::get_if<StageDone>(&*action)) stages_done.push_back(done->stage);
    }
  }

  void ready(std::uint32_t stage, const RangeSet& todo, std::optional<Index> fixed_block = std::nullopt) {
    scheduler.on_stage_ready({stage}, todo, now, fixed_block);
    act();
  }

  void forget(BlockId id) {
    std::erase_if(waiting, [id](const Block& block) { return block.id == id; });
  }

  void done(Block block, Duration busy) {
    now += busy;
    forget(block.id);
    scheduler.on_block_done(block.id, busy, now);
    act();
  }

  // What waits is computed, one block after the other, at `element_time` per element, until nothing waits any
  // more or `blocks` are done. Returns these blocks.
  std::vector<Block> run(Duration element_time, std::size_t blocks = 1'000'000) {
    std::vector<Block> all;
    while (!waiting.empty() && all.size() < blocks) {
      all.push_back(waiting.front());
      done(all.back(), element_time * all.back().range.size());
    }
    return all;
  }
};

}  // namespace mpipe::test
