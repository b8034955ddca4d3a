// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Who wants to know how a run goes: progress bars, status files, logs, traces.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/core/index.hpp>
#include <mpipe/schedule/block.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mpipe {

class Plan;

/// How the machine looks to a run, found at its start.
struct MachineInfo {
  int ranks = 1;
  std::vector<std::string> hosts;  ///< distinct
  int cores = 1;                   ///< of all hosts, as far as the ranks may use them
  bool oversubscribed = false;     ///< more ranks than cores
  bool bound = false;              ///< ranks are bound to less than their host's cores
  std::string executor;            ///< `mpi`, `threads:4`, `sequential`, or several of them
  std::string rank0;               ///< `schedules`, `schedules and works`
};

/// What became of some elements of a function.
struct ElementCounts {
  Index done = 0;
  Index failed = 0;
  Index blocked = 0;
};

/// What is known of an output when a wave begins or ends, counted anew and not summed up.
struct SettledOutput {
  ElementCounts counts;  ///< without what is blocked
  bool in_memory =
      false;  ///< there is a run folder, and it gets what is done from here on when the wave ends
};

/// Who computes a block.
struct BlockWorker {
  std::string executor;      ///< `mpi`, `threads:4`, ..
  std::uint32_t worker = 0;  ///< number among those of the executor
  int rank = 0;              ///< where it is (see `Communicator::job_rank`)
};

/// Called on rank 0, between messages: implementations return quickly and do not throw.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// The plan is made, nothing has run. `kept`: elements per output that an earlier start has settled.
  virtual void on_start(const Plan&, const MachineInfo&, const std::vector<ElementCounts>& /*kept*/) {}
  /// So many more elements of this function are settled.
  virtual void on_progress(FunctionId, const ElementCounts&, TimePoint) {}
  /// By output: what is settled, and kept where something is. Before each wave, and at the end.
  virtual void on_settled(const std::vector<SettledOutput>&) {}
  /// Something about the run that is worth a line in a log.
  virtual void on_note(const std::string& /*text*/) {}
  /// Shapes became known (see `Plan::outputs`).
  virtual void on_resolved(const Plan&) {}
  /// Details of an element that failed; of so many only that they stay readable. See `on_progress` for all.
  virtual void on_failure(const Failure&) {}
  /// A block is handed out. It is computed when the worker comes to it, and a part of it may be taken back.
  virtual void on_block_assigned(const BlockWorker&, const Block&, TimePoint) {}
  /// What a worker has done of a block, in `busy`. `completed`: so many elements from the beginning of its
  /// range on are dealt with; fewer where one failed and ends the run; none in no time where it was taken back.
  virtual void on_block_done(const BlockWorker&, const Block&, Index /*completed*/, Duration /*busy*/,
                             TimePoint) {}
  /// Now and then while waiting, at least ten times a second unless a wait lasts.
  virtual void on_tick(TimePoint) {}
  virtual void on_end(const std::string& /*state*/, const std::string& /*message*/) {}
};

/// Several observers, each of which is told everything, in the order in which they were added.
class ObserverList final : public RunObserver {
 public:
  void add(std::shared_ptr<RunObserver> observer) { observers_.push_back(std::move(observer)); }

  void on_start(const Plan& plan, const MachineInfo& machine,
                const std::vector<ElementCounts>& kept) override {
    for (const auto& each : observers_) each->on_start(plan, machine, kept);
  }
  void on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) override {
    for (const auto& each : observers_) each->on_progress(function, counts, now);
  }
  void on_settled(const std::vector<SettledOutput>& outputs) override {
    for (const auto& each : observers_) each->on_settled(outputs);
  }
  void on_note(const std::string& text) override {
    for (const auto& each : observers_) each->on_note(text);
  }
  void on_resolved(const Plan& plan) override {
    for (const auto& each : observers_) each->on_resolved(plan);
  }
  void on_failure(const Failure& failure) override {
    for (const auto& each : observers_) each->on_failure(failure);
  }
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) override {
    for (const auto& each : observers_) each->on_block_assigned(worker, block, now);
  }
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint now) override {
    for (const auto& each : observers_) each->on_block_done(worker, block, completed, busy, now);
  }
  void on_tick(TimePoint now) override {
    for (const auto& each : observers_) each->on_tick(now);
  }
  void on_end(const std::string& state, const std::string& message) override {
    for (const auto& each : observers_) each->on_end(state, message);
  }

 private:
  std::vector<std::shared_ptr<RunObserver>> observers_;
};

}  // namespace mpipe
