// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One map run on one rank, from the plan to the results.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/exec/pools.hpp>
#include <mpipe/run/map.hpp>
#include <mpipe/store/run_store.hpp>

#include "exec/api/block_runner.hpp"
#include "exec/api/dispatch.hpp"
#include "folder/api/run_folder.hpp"
#include "isolation/api/isolated_bodies.hpp"
#include "run/api/needs.hpp"
#include "run/api/one_run.hpp"
#include "run/api/run_control.hpp"
#include "run/api/settings.hpp"
#include "run/outcome.hpp"

namespace mpipe {

void add_cost(FunctionCost& sum, const FunctionCost& cost);

/// The ranks of a run walk through its waves together: `prepare_wave`, blocks, `finish_wave`. All methods
/// marked collective are called by every rank in the same order, and throw alike everywhere.
class MapRun {
 public:
  /// Collective. `options`, `inputs` and `supply` are the same everywhere. `control` is asked on rank 0,
  /// where it must outlive the run.
  MapRun(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs, MapOptions options,
         const Supply& supply, RunControl* control = nullptr);
  ~MapRun();

  /// Collective. The whole run.
  Results run();
  /// Collective with the ranks whose `RunControl::regroup` gave them `comm`: this rank takes part in the rest
  /// of their run. `options` and `inputs` are those of the run.
  static Results join(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs,
                      MapOptions options, RunControl* control);

 private:
  class Sink;
  struct Crew;
  /// One that has nothing yet but its plan.
  MapRun(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs, MapOptions options,
         RunControl* control);
  friend class WaveDirector;
  friend class CrewListener;
  friend class WaveFollower;

  // beginning
  void open_store();
  bool keeps_failed() const;
  void keep_failed();
  RunDescription describe() const;
  RunLayout layout() const;
  void choose_workers(const DeviceShares& devices);
  bool may_have_thread() const;
  std::vector<CalledBody> isolate_functions();
  Comm form_teams(const Supply& supply);
  MachineInfo describe_machine(const Supply& supply) const;
  /// Collective. What depends on the ranks; `open` opens the store.
  void settle(const Supply& supply, void (MapRun::*open)());

  // going on with more ranks (collective)
  /// Whether the run does so before wave `next`.
  bool regroup(std::size_t next);
  void leave();
  void enter();
  void reopen_store();
  void share_earlier();
  Bytes encode_state() const;
  void take_state(std::span<const std::byte> bytes);
  void note_time();
  Results compute();

  // waves (collective)
  void prepare_wave(std::size_t wave);
  void load_stored(std::size_t wave);
  void resolve_in_store();
  /// Returns false when the run ends here.
  bool finish_wave(std::size_t wave);
  void take_failed();
  void sort_failures(std::vector<Failure>& failures) const;
  void block(std::size_t wave);
  void mark_blocked(std::size_t wave);
  bool is_sized(OutputId output) const { return is_known(plan_.external_shape(plan_.output(output).stage)); }
  void apply_shapes(std::size_t wave);
  void assume_shape(OutputId output);
  void commit();
  void note_done(std::size_t wave);
  void share(std::size_t wave);
  std::vector<OutputId> outputs_of_wave(std::size_t wave) const;

  // computing
  void lead();    ///< rank 0
  void follow();  ///< the others
  void lead_wave(std::size_t wave, std::span<const std::unique_ptr<Crew>> crews, RemotePool* remote);
  std::unique_ptr<Crew> make_crew(const ExecutorChoice& executor, RemotePool* remote) const;
  RangeSet todo(FunctionId function) const;
  void begin_stage(const Stage& stage, Scheduler& scheduler);

  // end (collective)
  Results collect();
  OutputResult result_of(OutputId output);
  void collect_failures(Results& results);
  void collect_statistics(Results& results);
  [[noreturn]] void throw_outcome(Results partial);

  Communicator comm_;
  RunControl* control_;
  const Pipeline& pipeline_;
  MapOptions options_;
  Inputs inputs_;
  Plan plan_;
  Settings settings_;
  SteadyClock clock_;
  std::map<std::string, PartialShape> planned_shapes_;
  MachineInfo machine_;
  std::optional<RunFolder> folder_;  ///< rank 0
  RunDescription description_;       ///< rank 0
  std::unique_ptr<RunStore> store_;  ///< null without a run folder
  std::vector<RangeSet> stored_;     ///< by output: kept from an earlier start
  std::vector<RangeSet> done_;       ///< by output, on every rank: have a value, since the end of their wave
  // By output, on every rank: what has no value because of failures. Of outputs without a known number of
  // elements the one element 0 stands for all (see Lineage).
  std::vector<RangeSet> failed_;
  std::vector<RangeSet> blocked_;
  std::vector<RangeSet> blocked_by_array_;  ///< part of `blocked_`
  std::vector<RangeSet> lost_;              ///< failed or blocked
  Lineage lineage_;                         ///< with the shapes that are known in the wave at hand
  std::vector<Failure> details_;            ///< of failed elements that the run went on after, the first ones
  Index new_failures_ = 0;                  ///< in this start
  std::vector<RangeSet> todo_;              ///< by function, on rank 0: of the wave at hand
  std::vector<bool> resolved_in_store_;
  std::vector<bool> assumed_;  ///< by output: its shape is not known, and counts as empty
  RunArrays arrays_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<IsolatedBodies> isolated_;  ///< null: all functions are called here
  std::unique_ptr<BlockRunner> runner_;
  bool rank0_computes_ = true;
  bool rank0_has_thread_ = false;
  bool appends_late_ = false;  ///< blocks are computed by other threads than the one that may use the store
  std::unique_ptr<TeamMaker> team_maker_;    ///< null where no function wants several ranks for a call
  std::vector<std::uint32_t> node_of_rank_;  ///< likewise empty
  std::uint32_t commits_ = 0;                ///< number of the last commit within a wave

  WaveOutcome outcome_;  ///< of the wave at hand; rank 0 fills it while dispatching
  TimePoint began_;
  Duration busy_{};  ///< of all workers, rank 0 only
  std::uint32_t workers_ = 1;

  // Of a run to which ranks join:
  RunLayout files_;                          ///< as the store was opened first
  std::size_t wave_ = 0;                     ///< the first one on these ranks
  std::optional<Communicator> next_comm_;    ///< on which it goes on
  std::optional<Error> left_badly_;          ///< what went wrong when the earlier ranks came to an end
  std::vector<FunctionCost> earlier_costs_;  ///< by function: on this rank, before
  TimePoint settled_;                        ///< when the run began on these ranks
  Duration worker_time_{};                   ///< of all workers, from begin to end
  Duration rank_time_{};                     ///< of all ranks
};

}  // namespace mpipe
