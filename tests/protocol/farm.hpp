// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Rank 0 and its workers in one thread: who does something next, and how long frames travel, is drawn from a
/// seed.
#pragma once

#include "comm/api/loopback.hpp"
#include "exec/api/dispatch.hpp"
#include "exec/api/pools.hpp"
#include "exec/api/serve.hpp"
#include "unit/exec/counting_handler.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace mpipe::test {

/// Notes when a worker heard of barriers and commits: behind how many slices of its blocks.
class NotingEvents final : public WorkerEvents {
 public:
  explicit NotingEvents(const CountingHandler& handler) : handler_(handler) {}

  struct Note {
    std::uint32_t number;
    std::size_t slices_before;
  };
  void on_barrier(std::uint32_t wave) override { barriers.push_back({wave, handler_.slices.size()}); }
  void on_commit(std::uint32_t number) override { commits.push_back({number, handler_.slices.size()}); }
  void on_stop() override { ++stops; }
  void on_turn(TimePoint) override { ++turns; }

  std::vector<Note> barriers;
  std::vector<Note> commits;
  int stops = 0;
  int turns = 0;

 private:
  const CountingHandler& handler_;
};

/// Keeps account of what counts as done, and expects that nothing does so twice.
class Ledger : public DispatchObserver {
 public:
  void on_assigned(WorkerId, const Block& block, TimePoint) override {
    ++assigned;
    longest_block = std::max(longest_block, block.range.size());
  }
  void on_block_done(WorkerId, const Block& block, BlockReport& report, TimePoint) override {
    EXPECT_EQ(report.completed, report.block.range.size());
    EXPECT_EQ(block.range, report.block.range);
    note(block.stage, block.range);
  }
  void on_block_failed(WorkerId, const Block& block, BlockReport& report, TimePoint) override {
    ASSERT_TRUE(report.failure.has_value());
    EXPECT_LT(report.completed, report.block.range.size());
    EXPECT_EQ(report.failure->element, block.range.begin + report.completed);
    failed[block.stage.value].push_back(report.failure->element);
    note(block.stage, {block.range.begin, block.range.begin + report.completed});
  }
  void on_stage_done(StageId stage, TimePoint) override { stages_done.push_back(stage.value); }
  void on_turn(TimePoint) override { ++turns; }

  /// Elements that are done, also those in front of a failure.
  std::map<std::uint32_t, RangeSet> done;
  std::map<std::uint32_t, std::vector<Index>> failed;
  std::vector<std::uint32_t> stages_done;
  int assigned = 0;
  int turns = 0;
  Index longest_block = 0;

 private:
  void note(StageId stage, IndexRange range) {
    EXPECT_TRUE(done[stage.value].intersection(range).empty()) << "done twice";
    done[stage.value].insert(range);
  }
};

struct FarmOptions {
  std::uint32_t workers = 1;
  bool rank0_computes = false;
  int longest_delay = 0;  ///< in polls of the receiver
  std::uint64_t seed = 0;
  CountingHandler::Cost cost = [](StageId, Index) { return std::chrono::microseconds(10); };
};

/// As a pool: each poll first lets some of the workers take a turn.
class Farm final : public Pool {
 public:
  explicit Farm(FarmOptions options);

  std::uint32_t worker_count() const override { return pool().worker_count(); }
  void start(WorkerId worker, const Block& block) override { pool().start(worker, block); }
  void retract(WorkerId worker, BlockId block) override {
    ++retracts;
    pool().retract(worker, block);
  }
  std::optional<PoolEvent> poll() override;
  bool computes_inline() const override { return pool().computes_inline(); }
  /// No time passes but that of the clock.
  void pause(Duration duration) override { clock.advance(duration); }

  /// For a scheduler: all workers take everything, but rank 0 only short blocks.
  std::vector<WorkerTraits> traits() const;
  /// Stops the workers; expects that they end, and that nobody has anything left to say or to compute.
  void shut_down();
  /// How often each element of a stage was computed.
  std::map<Index, int> computed(std::uint32_t stage) const;

  struct Worker {
    Worker(Farm& farm, std::uint32_t number, const CountingHandler::Cost& cost)
        : handler(farm.clock, cost),
          events(handler),
          loop(farm.network_.worker({number}), handler, events, farm.clock,
               {static_cast<int>(number) + 1, "node" + std::to_string(number)}) {}
    CountingHandler handler;
    NotingEvents events;
    WorkerLoop loop;
  };

  ManualClock clock;
  std::deque<Worker> workers;
  CountingHandler at_rank0;
  int retracts = 0;         ///< asked for
  int given_back = 0;       ///< answered with a whole block
  int given_back_part = 0;  ///< answered with the rest of one

  RemotePool& remote() { return remote_; }

 private:
  Pool& pool() const { return both_ ? static_cast<Pool&>(*both_) : remote_; }
  std::size_t pick(std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_);
  }

  std::mt19937_64 random_;
  LoopbackNetwork network_;
  mutable RemotePool remote_;
  InlinePool local_;
  mutable std::optional<CompositePool> both_;
  std::map<BlockId, IndexRange> handed_out_;
};

}  // namespace mpipe::test
