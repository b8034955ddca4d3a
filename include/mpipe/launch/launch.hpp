// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Several maps at once, each on ranks of its own; and maps that nobody waits for.
#pragma once

#include <mpipe/folder/status.hpp>
#include <mpipe/run/map.hpp>

#include <functional>

namespace mpipe {

/// How one of several runs ended.
struct MapOutcome {
  std::string name;
  RunState state = RunState::pending;  ///< completed, failed, drained or cancelled
  int exit_code = 0;                   ///< what `pipeline_app map` would return for it
  /// Of a run that stopped: what is known of it. Null where it never began, and on other ranks than 0.
  std::shared_ptr<const Results> results;
  /// Why it did not complete; a `FunctionError` where a function failed. Null when it completed.
  std::shared_ptr<const Error> error;

  bool completed() const { return state == RunState::completed; }
  /// The results of a run that completed; throws its error otherwise, and `Error` (missing_input) on other
  /// ranks than 0.
  const Results& get() const;
};

struct AsyncOptions {
  bool start = true;
  std::string name = {};  ///< for messages; empty: the last part of the run folder
};

class Launch;
class LaunchedMaps;
struct LaunchOptions;
struct RunSpec;

/// A map that was described and checked, and perhaps begun; copies are handles of the same. It keeps the
/// pipeline and the inputs.
///
/// Rank 0 asks; what it asks makes the run go on (see `LaunchedMaps`). On the other ranks the run is over
/// when `start` returns.
class AsyncMap {
 public:
  AsyncMap(std::shared_ptr<RunSpec> spec, const Communicator& comm);

  const std::string& name() const;
  bool started() const;
  /// Collective. Begins it on the ranks of the communicator that it was made for; rank 0 stays free. Throws
  /// `Error` (bad_option) when it was started already, and what `launch_maps` throws.
  void start();

  // Rank 0, and after the end any rank. Of one that was not started: `done` is false, `status` pending.
  bool done();
  RunStatus status();
  /// Computes nothing more; what runs is the last. The run can be resumed where it has a folder.
  void cancel();
  /// Collective where it was not started yet, which this does. Waits for the end; returns the results or
  /// throws, as `map` does.
  const Results& result();

 private:
  friend LaunchedMaps launch_maps(const Communicator& comm, const std::vector<AsyncMap>& runs,
                                  const LaunchOptions& options);
  std::shared_ptr<RunSpec> spec_;
  Communicator comm_;
};

/// Collective over `comm`. Checks a map as `map` does, on rank 0, and throws on every rank what it would
/// throw; begins it unless told not to. Every rank brings the same pipeline; inputs and options are those of
/// rank 0. Nothing is created before the start, which also tells which ranks compute: whether their nodes
/// have the resources that functions need is checked then.
AsyncMap map_async(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs,
                   const MapOptions& options, const AsyncOptions& how = {});
AsyncMap map_async(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs);

/// Of rank 0, but for `on_lead`.
struct LaunchOptions {
  /// At most so many runs at the same time. 1: one after the other, in order, each on all ranks as by `map`.
  int max_concurrent = 1;
  /// Rank 0 computes nothing, so that no question to the handle takes long, with `max_concurrent` 1 too.
  bool keep_rank0_free = false;
  /// On every rank: called on the rank that leads a run when it begins, with the writer of its status.json,
  /// and with null when it is over. For those who must have the last word when a signal ends the process. Not
  /// for runs without a folder, nor where `MapOptions::keep_status` is false.
  std::function<void(std::size_t run, std::shared_ptr<StatusWriter> status)> on_lead = {};
};

/// Runs that were launched together.
///
/// *Who computes.* With `max_concurrent` k > 1 and enough ranks, all ranks but 0 are divided into k
/// subgroups, as equal as can be, within a node first. The next run begins on the subgroup that is free. Rank
/// 0 directs, and computes nothing. A subgroup that is free while no run waits joins one that goes on,
/// between two of its waves. Each run has a communicator of its own, so runs do not disturb each other, also
/// when one fails. Otherwise the runs are computed one after the other by all ranks.
///
/// *When.* Rank 0 has no thread for this: runs go on by themselves, but the next one begins, and news arrive,
/// when the handle is asked anything (`done`, `status`, `cancel`, `wait`). Where rank 0 computes itself
/// (`max_concurrent` 1, a single rank), a question computes the whole next run before it returns. The other
/// ranks are in `launch_maps` until all is over.
///
/// The other ranks hear nothing else until all is over: before that rank 0 calls nothing that is collective
/// over ranks of these runs.
///
/// One thread. The destructor cancels what is not over, and waits for that.
class LaunchedMaps {
 public:
  explicit LaunchedMaps(std::shared_ptr<Launch> launch);
  ~LaunchedMaps();
  LaunchedMaps(LaunchedMaps&&) noexcept;
  LaunchedMaps& operator=(LaunchedMaps&&) noexcept;

  std::size_t size() const;
  bool done();                 ///< all of them
  bool done(std::size_t run);  ///< Throws `std::out_of_range`, like the others.
  /// How a run goes, as its status.json has it.
  RunStatus status(std::size_t run);
  void wait();
  void wait(std::size_t run);
  /// Runs that did not begin are dropped; what runs computes no further block, is stored and can be resumed.
  void cancel();
  void cancel(std::size_t run);
  /// Waits for all; how they ended, in the order of the arguments. On every rank; results are on rank 0.
  std::vector<MapOutcome> gather();

 private:
  std::shared_ptr<Launch> launch_;
};

/// Collective over `comm`, whose ranks count, whatever the runs were made with. Begins the runs and returns
/// at once on rank 0, on the others when all are over. Refused on every rank, before anything is created or
/// computed, with an `Error`: no runs, one that was started already or is there twice, run folders that are
/// equal or lie in each other (symbolic links are followed), a folder that could not be used as it is, and
/// all that `map` would refuse, for any of the runs (bad_option, folder_refused, ..). What goes wrong later,
/// ends one run only. A rank that is lost ends all: `Error` (rank_lost) from any question.
LaunchedMaps launch_maps(const Communicator& comm, const std::vector<AsyncMap>& runs,
                         const LaunchOptions& options = {});

/// Collective. `launch_maps`, and all outcomes in the order of the arguments.
std::vector<MapOutcome> gather_maps(const Communicator& comm, const std::vector<AsyncMap>& runs,
                                    const LaunchOptions& options = {});

}  // namespace mpipe
