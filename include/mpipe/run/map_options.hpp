// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `MapOptions`: how a pipeline is mapped, as a program says it.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/core/index.hpp>
#include <mpipe/exec/observer.hpp>
#include <mpipe/exec/pool.hpp>
#include <mpipe/options/choices.hpp>
#include <mpipe/plan/plan.hpp>

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mpipe {

/// A number of elements, a function of how many there are to compute, or automatic.
class ChunkSize {
 public:
  ChunkSize() = default;  ///< automatic
  template <std::integral I>
  ChunkSize(I elements) : number_(static_cast<Index>(elements)) {}  // NOLINT(google-explicit-constructor)
  /// Called on rank 0 with the number of elements that are to be computed, when their stage begins; not when
  /// there are none.
  template <class F>
  requires std::is_invocable_r_v<Index, F, Index> ChunkSize(F size_of)  // NOLINT(google-explicit-constructor)
      : size_of_(std::move(size_of)) {}

  /// The number, when it is one.
  std::optional<Index> number() const { return number_; }
  bool is_function() const { return size_of_ != nullptr; }
  /// For `todo` elements; empty: automatic.
  std::optional<Index> of(Index todo) const {
    return is_function() ? std::optional(size_of_(todo)) : number_;
  }

 private:
  std::optional<Index> number_;
  std::function<Index(Index)> size_of_;
};

/// An executor of your own: workers on rank 0.
struct UserExecutor {
  /// Makes the pool when the run begins, and again when ranks join it. The handler computes blocks, outlives
  /// the pool, and may be used by several threads at once where `threads` says so. What a pool throws ends
  /// the run.
  std::function<std::unique_ptr<Pool>(BlockHandler& handler, const Clock& clock, const ProcessPlace& place)>
      make_pool;
  /// The handler is called by other threads than the one that polls the pool: only for functions that are
  /// thread-safe.
  bool threads = true;
};

/// A text that does not change and that copies share. To be used as a `std::string`.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)  // NOLINT(google-explicit-constructor): is a text
      : beginning_(std::make_shared<const std::string>(std::move(text))) {}
  SharedText(const char* text) : SharedText(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  /// `beginning`, which other texts may share, and `rest` behind it.
  SharedText(std::shared_ptr<const std::string> beginning, std::string rest)
      : beginning_(std::move(beginning)), rest_(std::move(rest)) {}

  std::string get() const { return beginning_ ? *beginning_ + rest_ : rest_; }
  operator std::string() const { return get(); }  // NOLINT(google-explicit-constructor)

 private:
  std::shared_ptr<const std::string> beginning_;
  std::string rest_;
};

/// An amount of memory of a node: `MemoryLimit(bytes)`, or `MemoryLimit::share(0.8)` of what it has.
struct MemoryLimit {
  MemoryLimit() = default;
  MemoryLimit(std::uint64_t amount) : bytes(amount) {}  // NOLINT(google-explicit-constructor)
  /// `part` is above 0, and 1 at most.
  static MemoryLimit share(double part) {
    MemoryLimit limit(0);
    limit.part = part;
    return limit;
  }

  std::uint64_t bytes = 0;  ///< 0: `part` counts
  double part = 0;
};

/// Options of one `map`. Only those of rank 0 count.
struct MapOptions {
  /// Where the run lives; empty: nothing is written anywhere.
  std::string run_folder = {};
  bool resume = false;     ///< go on with the run in `run_folder`
  bool overwrite = false;  ///< replace the run in `run_folder`
  /// Take `run_folder` also from a run that nobody here can ask whether it lives (it is on another host, or in
  /// another container), when that shows no sign of life.
  bool take_over = false;
  /// Output -> where its values are kept, as in `{{"", "hdf5"}, {"mean", StorageKind::memory}}`; "" is the
  /// default of all others. Without: `hdf5` with a run folder, else `memory`.
  std::map<std::string, Named<StorageKind>> storage = {};
  /// Output -> `sequential`, `threads[:n]`, `processes[:n]` (these on rank 0, or in processes forked for it,
  /// where crashes cost their element), `mpi` (on all ranks) or the name of an executor of your own; "" is the
  /// default of all others. Without: `mpi` on several ranks, `sequential` on one. Functions with unequal
  /// executors run at the same time where neither needs the other.
  std::map<std::string, ExecutorChoice> executor = {};
  /// Executors of your own, by the names under which `executor` asks for them.
  std::map<std::string, UserExecutor> user_executors = {};
  /// false: one call after the other on rank 0; an executor is refused then.
  bool parallel = true;
  /// Output -> elements per block (> 0, or a function of how many there are); "" is the default of all
  /// others. Without: automatic.
  std::map<std::string, ChunkSize> chunksizes = {};
  Named<ErrorHandling> error_handling = ErrorHandling::raise;
  /// With `continue`: stop, as under `raise`, when more elements than this failed in this start.
  std::optional<Index> max_failures = {};
  Index retries = 0;  ///< so often is an element that fails tried again, with the same random numbers
  /// When a function throws on one rank of a call that several ranks make together, and the others do not
  /// come back from it within this time, rank 0 gives up (`Error`, rank_lost): they wait for each other for
  /// ever. Without: `MPIPE_TEAM_GRACE` (seconds), else 30 s.
  std::optional<Duration> team_grace = {};
  /// When all must be stored, by the clock on the wall. Before that, in the time that elements and storing take as
  /// far as this run has seen, no more work is handed out, and the run ends as `drained`; a resume goes on with it.
  std::optional<std::chrono::system_clock::time_point> deadline = {};
  /// What the arrays of the run may take on each node, in bytes. Values of the results file are looked at there
  /// instead, when the run is on one node and they are not returned (`return_results`). Without: half of what the
  /// node, or its control group, has. `map` throws `Error` (too_large) where an array that must be in memory is larger.
  std::optional<MemoryLimit> memory = {};
  bool retry_failed = false;  ///< with `resume`: compute again what failed, and what it blocked
  /// With `resume`: compute these outputs, and all that needs them, anew. Their functions may be others than
  /// those that the run began with.
  std::vector<std::string> redo = {};
  /// Run folders of earlier runs, from which elements are taken that have equal functions and arguments, instead of being
  /// computed. They stay as they are, and are not needed any more when the run has begun. Notes tell how many.
  std::vector<std::string> reuse = {};
  /// With `resume`: notes (`RunObserver::on_note`) tell of each output what is kept of it, and what is computed, and why.
  bool explain = false;
  /// A folder on disks of the nodes, absolute or relative to the working directory, in which programs (`command`) run;
  /// empty: they run in the run folder.
  std::string scratch = {};
  std::vector<std::string> outputs = {};  ///< compute only what these need; empty: everything
  /// Outputs may be among the inputs, and only what lies behind the inputs is computed (see
  /// `Pipeline::subpipeline`).
  bool auto_subpipeline = false;
  FixedIndices fixed = {};
  std::optional<Shard> shard = {};  ///< compute this part of the elements only; without: all of them
  /// Output -> extents of its internal axes, `{{"x", 5}, {"y", {"?", 3}}}`: before those that functions
  /// declare. What is returned is held to them, from the first element on.
  InternalShapes internal_shapes = {};
  std::uint64_t seed = 0;
  Rank0 rank0 = Rank0::automatic;
  bool return_results = true;                  ///< bring the values of all outputs to rank 0
  std::shared_ptr<RunObserver> observer = {};  ///< rank 0
  /// Write status.json into the run folder; false: the observer does it (see StatusWriter).
  bool keep_status = true;
  SharedText document = {};  ///< kept in run.json as what the run is made from
  /// Likewise: the absolute path of the document, whose folder paths in it are relative to.
  std::string document_file = {};
  std::string command_line = {};  ///< likewise
};

namespace detail {

/// Shows the options that every rank needs to `visit`, each with its name in the table of options where it is
/// there: `visit("retries", options.retries)`. They are read from flags and documents by their names, and sent
/// to other ranks in this order.
template <class Options, class Visit>
void visit_options(Options& options, Visit&& visit) {
  visit("run_folder", options.run_folder);
  visit("resume", options.resume);
  visit("overwrite", options.overwrite);
  visit("take_over", options.take_over);
  visit("storage", options.storage);
  visit("executor", options.executor);
  visit("user_executors", options.user_executors);
  visit("parallel", options.parallel);
  visit("chunksizes", options.chunksizes);
  visit("error_handling", options.error_handling);
  visit("max_failures", options.max_failures);
  visit("deadline", options.deadline);
  visit("retries", options.retries);
  visit("team_grace", options.team_grace);
  visit("memory", options.memory);
  visit("retry_failed", options.retry_failed);
  visit("redo", options.redo);
  visit("reuse", options.reuse);
  visit("explain", options.explain);
  visit("scratch", options.scratch);
  visit("output", options.outputs);
  visit("auto_subpipeline", options.auto_subpipeline);
  visit("fixed", options.fixed);
  visit("shard", options.shard);
  visit("internal_shapes", options.internal_shapes);
  visit("seed", options.seed);
  visit("rank0", options.rank0);
  visit("return_results", options.return_results);
  visit("keep_status", options.keep_status);
  visit("document", options.document);
  visit("document_file", options.document_file);
  visit("command_line", options.command_line);
}

}  // namespace detail
}  // namespace mpipe
