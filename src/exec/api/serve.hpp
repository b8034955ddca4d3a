// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a rank other than 0 does during a run.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/pool.hpp>

#include "comm/api/transport.hpp"
#include "exec/api/team.hpp"

#include <memory>
#include <optional>

namespace mpipe {

/// What happens on a worker besides blocks. Everything is called by the thread that serves, between two
/// slices of blocks; what is thrown ends `serve`.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  /// All blocks of this wave are done everywhere: the collective step that follows it.
  virtual void on_barrier(std::uint32_t /*wave*/) {}
  /// A collective commit now. A block may be half done, and others wait.
  virtual void on_commit(std::uint32_t /*number*/) {}
  /// Nothing follows.
  virtual void on_stop() {}
  /// After each slice, and now and then while idle; must be cheap.
  virtual void on_turn(TimePoint /*now*/) {}
  /// Asked after each `on_turn`: what keeps this rank from going on, once. Rank 0 is told, and ends the run.
  virtual std::optional<Failure> take_trouble() { return std::nullopt; }
};

/// The work of one worker, turn by turn. Everything given must outlive it.
class WorkerLoop {
 public:
  enum class Turn { worked, idle, stopped };
  /// For those that compute elements together with others; both must outlive the loop.
  struct Teams {
    TeamHandler* handler = nullptr;
    TeamMaker* maker = nullptr;
  };

  WorkerLoop(WorkerTransport& transport, BlockHandler& handler, WorkerEvents& events, const Clock& clock,
             ProcessPlace place, Teams teams = {nullptr, nullptr});
  ~WorkerLoop();

  /// Deals with the frames that have arrived, and computes a slice of a block. Never waits. Control messages
  /// come before queued blocks; blocks are computed in the order they came. Throws `Bug` for a frame that
  /// rank 0 does not send, and what `WorkerEvents` throw; a handler that throws is reported, and the loop
  /// goes on.
  Turn turn();
  /// What is done now and then while there is nothing to do: `WorkerEvents::on_turn`.
  void look_around();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Serves until rank 0 says stop. Waits as `Waiter` does; throws `Error` (rank_lost) when rank 0 says nothing
/// for longer than the limit of `wait`, if there is one, and whatever `WorkerLoop::turn` throws.
void serve(WorkerTransport& transport, BlockHandler& handler, WorkerEvents& events, const Clock& clock,
           const ProcessPlace& place, const WaitOptions& wait, WorkerLoop::Teams teams = {nullptr, nullptr});

}  // namespace mpipe
