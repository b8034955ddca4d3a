// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Runs the functions of a stage over a block of elements, from the arrays of this rank into the arrays of
/// this rank.
#pragma once

#include <mpipe/exec/pool.hpp>
#include <mpipe/plan/plan.hpp>

#include "exec/api/messages.hpp"
#include "exec/api/run_arrays.hpp"
#include "exec/api/team.hpp"
#include "schedule/api/team_planner.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace mpipe {

/// Takes note of elements that were computed, e.g. to journal them. Called by one thread at a time.
class BlockSink {
 public:
  virtual ~BlockSink() = default;
  /// On return the elements are as safe as the run promises. Throws when they cannot be.
  virtual void append(OutputId output, IndexRange range, const PartialArray& array) = 0;
  virtual std::uint64_t journal_bytes() const = 0;
};

/// A body that is called in the place of a function's own.
struct CalledBody {
  std::shared_ptr<const FunctionBody> body;
  bool whole = false;  ///< each call costs much by itself: blocks are not cut into slices
};

struct BlockRunnerOptions {
  std::uint64_t seed = 0;
  CallPlace place = {};
  std::string host = {};
  bool single_thread = true;  ///< `compute` is called by one thread only: no locks
  bool keep_going = false;    ///< an element that fails costs itself and what needs it, and the rest goes on
  int retries = 0;            ///< how often a failing element is tried again, with the same random numbers
  /// Numbers of the devices of this rank, of which each call has the first ones.
  std::vector<int> devices = {};
  Comm alone = {};  ///< for functions that take a communicator, where this rank calls them alone
  /// By FunctionId: what is called in place of the functions' own bodies; null, or none at all: those.
  std::vector<CalledBody> bodies = {};
};

/// What a function cost on this rank.
struct FunctionCost {
  Index calls = 0;
  Duration busy{};
  /// The longest call, as far as the times of slices of blocks tell.
  Duration longest{};
};

/// Computes blocks of the wave that was prepared last. `compute` may be called from several threads if all
/// functions of the wave are thread-safe; everything else from one thread, while no block is computed.
class BlockRunner final : public BlockHandler, public TeamHandler {
 public:
  /// `sink` may be nullptr. All references must outlive the runner.
  BlockRunner(const Plan& plan, RunArrays& arrays, BlockSink* sink, BlockRunnerOptions options);
  ~BlockRunner() override;

  /// Gets ready for the stages of a wave: their arrays, and views of everything that was complete before.
  /// `stored`: per output, the elements that need not be computed again (their values are in the arrays where
  /// anybody reads them); `lost`: those that failed or are blocked, which cannot be computed. Functions
  /// without elements to compute are not prepared at all, as it may not be known what their arguments are.
  void prepare_wave(std::size_t wave, const std::vector<RangeSet>& stored,
                    const std::vector<RangeSet>& lost = {});
  BlockReport compute(const Block& block) override;
  std::optional<Failure> try_element(const Block& block, const Comm& comm, const Attempt& attempt) override;
  BlockReport end_element(const Block& block, std::optional<Failure> failure) override;
  int retries() const override { return options_.retries; }
  /// How many ranks each of these elements wants, from 1 to `most`. Their arguments must be known here:
  /// constants, or arrays of earlier waves. Throws `Error` (bad_option), naming the element, where a rule
  /// says something else, or throws.
  std::vector<TeamElements> teams_of(FunctionId function, const RangeSet& elements, int most);
  bool takes_whole(StageId stage) const override;
  Index cheaper_together(StageId stage) const override;
  /// Gives `sink` what was computed of a block that has ended, for runners without one: `compute` may run in
  /// threads that must not touch the sink.
  void append(const Block& block, BlockSink& sink) const;

  /// From this moment on calls are told to stop (`StopToken`). Any thread; calls that have begun keep theirs.
  void stop_calls_at(TimePoint when) {
    stop_at_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// By FunctionId.
  const std::vector<FunctionCost>& costs() const { return costs_; }

 private:
  struct PreparedArgument;
  struct PreparedFunction;
  struct Scratch;
  struct Tried;
  struct TeamTry;

  std::unique_ptr<PreparedFunction> settle_function(FunctionId id, const std::vector<RangeSet>& stored,
                                                    const std::vector<RangeSet>& lost) const;
  const CalledBody* called_body(FunctionId id) const;
  void prepare_function(PreparedFunction& prepared);
  void prepare_argument(const PlannedFunction& function, std::size_t position, PreparedArgument& argument);
  Index run_function(const PreparedFunction& function, IndexRange range, const RangeSet& lost,
                     BlockReport& report);
  Index call_function(const PreparedFunction& function, IndexRange range, BlockReport& report);
  BlockCall call_of(const PreparedFunction& function, IndexRange range, Scratch& scratch,
                    const Attempt& attempt) const;
  Tried attempt(const PreparedFunction& function, IndexRange range, const Attempt& number, Scratch& scratch,
                BlockReport& report);
  void call_body(const PreparedFunction& function, BlockCall& call, Scratch& scratch, Index& calls) const;
  bool can_be_isolated(const PreparedFunction& function) const;
  void stop_at(const PreparedFunction& function, IndexRange range, BlockReport& report);
  void clear(const PreparedFunction& function, IndexRange range);
  void check_files() const;
  bool describes_failures() const;
  void note_failed(const PreparedFunction& function, Failure failure, BlockReport& report);
  RangeSet lost_arguments(const PreparedFunction& function, const std::vector<FailedElements>& losses) const;
  bool ends_the_run(const PreparedFunction& function, const Failure& failure) const;
  void note_cost(FunctionId id, Index calls, Duration took);
  void bind_arguments(const PreparedFunction& function, IndexRange range, Scratch& scratch) const;
  void bind_outputs(const PreparedFunction& function, IndexRange range, Scratch& scratch);
  void keep(const PreparedFunction& function, IndexRange range, Scratch& scratch, BlockReport& report);
  LateShape late_shape(const PreparedFunction& function, OutputId id, Index element, const Shape& internal,
                       const Scratch& scratch) const;
  void keep_output(OutputId id, IndexRange range, OutputColumn& column);
  void put_apart(Scratch& scratch);
  std::optional<Failure> keep_element(const PreparedFunction& function, const Block& block, Scratch& scratch,
                                      BlockReport& report);
  void ask_rule(FunctionId id, const Shape& external, IndexRange range, std::span<const ArgumentView> views,
                int most, std::map<std::uint32_t, RangeSet>& teams) const;
  Failure failure_of(const PreparedFunction& function, Index element, const Scratch& scratch) const;
  Failure describe(const PreparedFunction& function, Index element, const Scratch& scratch) const;
  Failure argument_failure(const PreparedFunction& function, Index element, const Error& error) const;

  std::unique_ptr<Scratch> take_scratch();
  void return_scratch(std::unique_ptr<Scratch> scratch);
  std::unique_lock<std::mutex> lock() const;

  const Plan& plan_;
  RunArrays& arrays_;
  BlockSink* sink_;
  BlockRunnerOptions options_;
  std::vector<std::unique_ptr<PreparedFunction>> functions_;  ///< by FunctionId
  std::vector<FunctionCost> costs_;
  std::vector<bool> shape_was_known_;  ///< by output, when the wave began
  std::vector<std::unique_ptr<Scratch>> free_scratch_;
  std::unique_ptr<TeamTry> team_try_;  ///< of the element that this rank computes with others
  std::size_t details_left_ = kMaxFailureDetails;
  const std::uint64_t faults_before_;  ///< of files, when the run began
  std::atomic<Duration::rep> stop_at_{Duration::max().count()};
  mutable std::mutex mutex_;
};

}  // namespace mpipe
