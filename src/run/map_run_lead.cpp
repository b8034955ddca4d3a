// SPDX-License-Identifier: BSD-3-Clause
// Computing the blocks of a wave: rank 0 directs, the others follow.
#include <mpipe/core/error.hpp>
#include <mpipe/exec/serve.hpp>

#include "run/map_run.hpp"
#include "run/map_run_sink.hpp"

#include <algorithm>

namespace mpipe {
namespace {

/// Frames travel on a communicator of their own, so one number serves every run.
constexpr RunId kRunId = 1;
/// How long rank 0 may leave the others without an answer while it computes itself.
constexpr Duration kRank0Slice = std::chrono::microseconds(100);
constexpr Duration kTick = std::chrono::milliseconds(100);
/// A journal of this size is emptied into the file also within a wave.
constexpr std::uint64_t kJournalLimit = std::uint64_t{256} << 20;

}  // namespace

/// What rank 0 does with what it hears while the blocks of a wave are computed.
class WaveDirector final : public DispatchObserver {
 public:
  /// Workers from `local_from` on are in this process.
  WaveDirector(MapRun& run, Scheduler& scheduler, Pool& pool, RemotePool* remote, std::uint32_t local_from)
      : run_(run),
        scheduler_(scheduler),
        pool_(pool),
        remote_(remote),
        local_from_(local_from),
        commit_at_(pool.worker_count(), kJournalLimit) {}

  void on_block_done(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    note(worker, block, report, block.range.size(), now);
  }

  void on_block_failed(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    note(worker, block, report, report.completed, now);
    mark_failed(*report.failure);
    run_.options_.observer->on_failure(*report.failure);
    run_.outcome_.failures.push_back(std::move(*report.failure));
  }

  void on_turn(TimePoint now) override {
    if (wants_commit_) commit();
    if (run_.store_) run_.store_->maintain(now);
    if (now - last_tick_ < kTick) return;
    last_tick_ = now;
    run_.options_.observer->on_tick(now);
  }

 private:
  void note(WorkerId worker, const Block& block, BlockReport& report, Index done, TimePoint now) {
    if (run_.appends_late_ && is_local(worker)) {
      run_.runner_->append(block, *run_.sink_);
      report.journal_bytes = run_.sink_->journal_bytes();
    }
    for (LateShape& late : report.late_shapes) note_shape(block, std::move(late), now);
    const Stage& stage = run_.plan_.stages()[block.stage.value];
    if (done > 0) run_.options_.observer->on_progress(stage, done, now);
    std::uint64_t& limit = commit_at_[worker.value];
    if (report.journal_bytes > limit) {
      wants_commit_ = true;
      limit = report.journal_bytes + kJournalLimit;  // what stays in the journal does not ask again
    } else if (report.journal_bytes + kJournalLimit < limit) {
      limit = report.journal_bytes + kJournalLimit;
    }
  }

  /// The file tells which elements failed; a resume tries them again.
  void mark_failed(const Failure& failure) {
    if (!run_.store_ || exit_code(failure.category) != exit_code(Category::function_raised)) return;
    const FunctionId id = run_.plan_.pipeline().producer_of(failure.output);
    for (const OutputId output : run_.plan_.function(id)->outputs)
      run_.store_->mark(output.value, {failure.element, failure.element + 1}, ElementStatus::failed);
  }

  void note_shape(const Block& block, LateShape late, TimePoint now) {
    auto& shapes = run_.outcome_.shapes;
    const auto known = std::find_if(shapes.begin(), shapes.end(),
                                    [&](const LateShape& s) { return s.output == late.output; });
    if (known == shapes.end()) {
      shapes.push_back(std::move(late));
    } else if (known->internal != late.internal) {
      Failure failure;
      failure.output = run_.plan_.pipeline().function(run_.plan_.output(late.output).function).name();
      failure.element = block.range.begin;
      failure.index = multi_index(block.range.begin, known_shape(run_.plan_.external_shape(block.stage)));
      failure.category = Category::internal_shape_mismatch;
      failure.type = "mpipe::Error";
      failure.message = "Output shape " + to_string(late.internal) + " of '" +
                        run_.plan_.output(late.output).name +
                        "' does not match the expected internal shape " + to_string(known->internal) +
                        " of other elements (one output is one array). Return equal shapes.";
      run_.outcome_.failures.push_back(std::move(failure));
      scheduler_.on_drain(now);
    }
  }

  /// Everybody stops between two elements and commits what there is.
  void commit() {
    wants_commit_ = false;
    pool_.quiesce();
    if (remote_ != nullptr) remote_->send_commit(++run_.commits_);
    run_.commit();
    pool_.resume();
  }

  bool is_local(WorkerId worker) const { return worker.value >= local_from_; }

  MapRun& run_;
  Scheduler& scheduler_;
  Pool& pool_;
  RemotePool* remote_;
  std::uint32_t local_from_;
  std::vector<std::uint64_t> commit_at_;  ///< by worker
  bool wants_commit_ = false;
  TimePoint last_tick_{};
};

/// What the other ranks do between blocks.
class WaveFollower final : public WorkerEvents {
 public:
  explicit WaveFollower(MapRun& run) : run_(run) {}
  void on_barrier(std::uint32_t wave) override {
    if (run_.finish_wave(wave)) run_.prepare_wave(wave + 1);
  }
  void on_commit(std::uint32_t) override { run_.commit(); }
  void on_turn(TimePoint now) override {
    if (run_.store_) run_.store_->maintain(now);
  }

 private:
  MapRun& run_;
};

void MapRun::follow() {
  const auto transport = make_worker_transport(comm_, kRunId);
  prepare_wave(0);
  WaveFollower follower(*this);
  serve(*transport, *runner_, follower, clock_, {comm_.rank(), host_name()}, comm_.wait_options());
}

std::unique_ptr<Pool> MapRun::local_pool() {
  const ProcessPlace place{0, host_name()};
  if (settings_.executor.kind == ExecutorKind::threads)
    return std::make_unique<ThreadPool>(std::vector<BlockHandler*>(settings_.executor.threads, runner_.get()),
                                        clock_, place);
  if (rank0_has_thread_)
    return std::make_unique<ThreadPool>(std::vector<BlockHandler*>{runner_.get()}, clock_, place);
  return std::make_unique<InlinePool>(*runner_, clock_, place);
}

std::vector<WorkerTraits> MapRun::worker_traits(bool remote) const {
  std::vector<WorkerTraits> traits;
  if (remote) traits.resize(static_cast<std::size_t>(comm_.size() - 1));
  if (!remote) {
    traits.resize(std::max(1u, settings_.executor.threads));
  } else if (rank0_computes_) {
    traits.push_back(rank0_has_thread_ ? WorkerTraits{} : WorkerTraits{kRank0Slice, false});
  }
  return traits;
}

void MapRun::lead() {
  const bool with_others = settings_.executor.kind == ExecutorKind::mpi && comm_.size() > 1;
  std::unique_ptr<RootTransport> transport;
  std::optional<RemotePool> remote;
  if (comm_.size() > 1) {
    transport = make_root_transport(comm_, kRunId);
    remote.emplace(*transport);
  }
  const auto local = !with_others || rank0_computes_ ? local_pool() : nullptr;
  std::optional<CompositePool> both;
  if (with_others && local) both.emplace(*remote, *local);
  Pool& pool = both ? static_cast<Pool&>(*both) : (with_others ? static_cast<Pool&>(*remote) : *local);
  Scheduler scheduler({}, worker_traits(with_others));
  workers_ = pool.worker_count();
  prepare_wave(0);
  for (std::size_t wave = 0;; ++wave) {
    lead_wave(wave, scheduler, pool, remote ? &*remote : nullptr, with_others ? remote->worker_count() : 0);
    if (remote) remote->send_barrier(static_cast<std::uint32_t>(wave));
    if (!finish_wave(wave)) break;
    options_.observer->on_resolved(plan_);
    prepare_wave(wave + 1);
  }
  for (std::uint32_t worker = 0; worker < workers_; ++worker) busy_ += scheduler.tally(WorkerId{worker}).busy;
  if (remote) remote->send_stop();
}

RangeSet MapRun::todo(StageId stage) const {
  const RangeSet selected = plan_.selected(stage);
  RangeSet todo;
  for (const FunctionId id : plan_.stages()[stage.value].functions)
    for (const OutputId output : plan_.function(id)->outputs)
      todo = todo.united(selected.difference(stored_[output.value]));
  return todo;
}

/// Whatever goes wrong here is told to the others at the end of the wave: none of them is left waiting.
void MapRun::lead_wave(std::size_t wave, Scheduler& scheduler, Pool& pool, RemotePool* remote,
                       std::uint32_t local_from) {
  try {
    for (const StageId stage : plan_.stages_of_wave(wave))
      scheduler.on_stage_ready(stage, todo(stage), clock_.now(), settings_.block_of_stage[stage.value]);
    WaveDirector director(*this, scheduler, pool, remote, local_from);
    dispatch(scheduler, pool, clock_, director, comm_.wait_options());
  } catch (const Error& error) {
    if (error.category() == Category::rank_lost) throw;  // nobody is there to be told
    outcome_.error = {error.category(), error.what()};
  }
  for (const Failure& failure : outcome_.failures)
    if (exit_code(failure.category) != 1 && !outcome_.error)
      outcome_.error = {failure.category, failure.message + " (on rank " + std::to_string(failure.rank) +
                                              ", " + failure.host + ")"};
}

}  // namespace mpipe
