// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `MapRun`: one map run on one rank, from the plan to the results.
#pragma once

#include "run/api/run_control.hpp"
#include "run/drain_watch.hpp"
#include "run/guarded_observer.hpp"
#include "run/local_workers.hpp"
#include "run/run_progress.hpp"
#include "run/run_setup.hpp"
#include "run/run_times.hpp"
#include "run/store_session.hpp"
#include "run/values/exchange.hpp"
#include "run/values/stored_values.hpp"

#include <memory>
#include <optional>
#include <span>

namespace mpipe {

/// A loop over the waves of a run, which its ranks walk through together: `begin_wave`, blocks,
/// `finish_wave`. The parts of the run are objects of their own; this class knows in which order they meet.
class MapRun final : private WorkerEvents {
 public:
  /// Collective. Opens the store and gets the workers ready. `setup` is equal everywhere but for the
  /// observer, which counts on rank 0, as `control` does; `control` and `clock` must outlive the run.
  MapRun(const Communicator& comm, std::unique_ptr<RunSetup> setup, const NodeInventory& inventory,
         RunControl* control, const Clock& clock);
  /// Collective with the ranks whose `RunControl::regroup` gave them `comm`: this rank takes part in the rest
  /// of their run, of which `setup` is the beginning.
  MapRun(const Communicator& comm, std::unique_ptr<RunSetup> setup, RunControl* control, const Clock& clock);

  /// Collective. Computes what is left, and returns on all ranks or throws alike on all ranks.
  Results run();

 private:
  // Waves, all collective.
  void begin_wave();
  void note_misfits();
  void note_blamed();
  void load_stored(OutputId output);
  /// Returns false when these ranks compute no further wave.
  bool finish_wave();
  void check_inputs();
  void apply_shapes();
  void assume_shape(OutputId output);
  void mark_blocked();
  RunValues values() { return {comm_, *setup_, memory_, arrays_, store_, budget_}; }
  std::vector<Holdings> find_done();
  void share(const std::vector<Holdings>& holdings);

  // Ranks that join, collective.
  bool grow();
  void detach_ranks();
  void attach_ranks(bool is_new);
  void join_memory(const NodeInventory& inventory, const NodeMemory* earlier);
  void share_earlier();
  Bytes encode_state() const;
  void take_state(std::span<const std::byte> bytes);

  // Computing.
  void tell_start();
  void tell_settled();
  void lead();    ///< rank 0
  void follow();  ///< the others
  void on_barrier(std::uint32_t wave) override;
  void on_commit(std::uint32_t number) override;
  void on_turn(TimePoint now) override;
  std::optional<Failure> take_trouble() override { return store_.take_trouble(); }
  void end_of_ranks();

  // The end, collective.
  Results collect();
  [[noreturn]] void throw_outcome(Results partial);
  void tell_end(const std::string& state, const std::string& message);

  Communicator comm_;
  RunControl* control_;
  const Clock& clock_;
  std::unique_ptr<RunSetup> setup_;
  Plan& plan_;  ///< of `setup_`
  GuardedObserver observer_;
  RunTimes times_;
  NodeMemory memory_;
  std::uint64_t budget_ = 0;  ///< see RunValues
  RunArrays arrays_;
  RunProgress progress_;
  StoreSession store_;
  std::unique_ptr<LocalWorkers> workers_;  ///< made anew when ranks join
  std::vector<bool> assumed_;  ///< by output: its shape is not known, and counts as empty in this start
  DrainWatch drain_watch_;
  WaveOutcome outcome_;   ///< of the wave that ended last
  std::size_t wave_ = 0;  ///< the wave at hand
  std::uint32_t worker_count_ = 1;
  std::optional<Communicator> next_comm_;  ///< on which the run goes on, where ranks join it
};

}  // namespace mpipe
