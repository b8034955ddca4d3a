// SPDX-License-Identifier: BSD-3-Clause
// Computing the blocks of a wave: rank 0 directs, the others follow.
#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "exec/api/serve.hpp"
#include "run/journal_limit.hpp"
#include "run/map_run.hpp"
#include "run/map_run_sink.hpp"
#include "run/team_watch.hpp"
#include "run/teams.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

namespace mpipe {
namespace {

/// Frames travel on a communicator of their own, so one number serves every run.
constexpr RunId kRunId = 1;
/// How long rank 0 may leave the others without an answer while it computes itself.
constexpr Duration kRank0Slice = std::chrono::microseconds(100);
constexpr Duration kTick = std::chrono::milliseconds(100);

}  // namespace

/// The workers of one executor, and who hands out work to them. Those of `mpi` are the other ranks, then this
/// one.
struct MapRun::Crew {
  Crew(const std::string& executor, const Communicator& comm, RemotePool* others, std::unique_ptr<Pool> here,
       std::vector<WorkerTraits> traits, SchedulerOptions options = {})
      : local(std::move(here)),
        pool(others == nullptr ? local.get() : others),
        local_from(others == nullptr ? 0 : others->worker_count()),
        scheduler(options, std::move(traits)),
        commit_at(scheduler.worker_count(), limit) {
    if (others != nullptr && local) pool = &both.emplace(*others, *local);
    for (std::uint32_t worker = 0; worker < scheduler.worker_count(); ++worker)
      workers.push_back(
          {executor, worker, comm.job_rank(is_local({worker}) ? 0 : static_cast<int>(worker) + 1)});
  }

  bool is_local(WorkerId worker) const { return worker.value >= local_from; }

  std::unique_ptr<Pool> local;
  std::optional<CompositePool> both;
  Pool* pool;
  std::uint32_t local_from;  ///< workers from here on are in this process
  Scheduler scheduler;
  std::uint64_t limit = journal_limit();
  std::vector<std::uint64_t> commit_at;  ///< by worker: bytes of its journal at which a commit is due
  std::vector<BlockWorker> workers;      ///< as observers are told of them
  bool threads_of_user = false;          ///< of a pool of the caller's, which may not know how to pause
};

/// What rank 0 does with what it hears while the blocks of a wave are computed.
class WaveDirector {
 public:
  WaveDirector(MapRun& run, std::span<const std::unique_ptr<MapRun::Crew>> crews, RemotePool* remote)
      : run_(run), crews_(crews), remote_(remote), watch_(team_grace(run.options_)) {}

  void on_block_done(MapRun::Crew& crew, WorkerId worker, const Block& block, BlockReport& report,
                     TimePoint now) {
    watch_.on_over(block.id);
    note(crew, worker, block, report, block.range.size(), now);
    if (!report.failed.empty()) note_failed(report, now);
  }

  void on_block_failed(MapRun::Crew& crew, WorkerId worker, const Block& block, BlockReport& report,
                       TimePoint now) {
    watch_.on_over(block.id);
    note(crew, worker, block, report, report.completed, now);
    if (!report.failed.empty()) note_failed(report, now);
    for (const auto& other : crews_)
      if (other.get() != &crew) other->scheduler.on_drain(now);
    mark_failed(*report.failure);
    // A rank that cannot go on (its disk is full, say) is at no output.
    if (const std::string& output = report.failure->output; !output.empty())
      run_.options_.observer->on_progress(run_.plan_.pipeline().producer_of(output), {0, 1, 0}, now);
    run_.options_.observer->on_failure(*report.failure);
    run_.outcome_.failures.push_back(std::move(*report.failure));
  }

  void on_assigned(const MapRun::Crew& crew, WorkerId worker, const Block& block, TimePoint now) {
    run_.options_.observer->on_block_assigned(crew.workers[worker.value], block, now);
  }
  void on_team_news(TeamNews& news, TimePoint now) { watch_.on_news(news, now); }

  void on_turn(TimePoint now) {
    watch_.check(now);
    if (wants_commit_ && may_commit()) commit();
    if (run_.store_) run_.store_->maintain(now);
    if (now - last_tick_ < kTick) return;
    last_tick_ = now;
    run_.options_.observer->on_tick(now);
    if (run_.control_ == nullptr || run_.outcome_.cancelled || !run_.control_->cancelled()) return;
    run_.outcome_.cancelled = true;
    drain(now);
  }

 private:
  void note(MapRun::Crew& crew, WorkerId worker, const Block& block, BlockReport& report, Index done,
            TimePoint now) {
    if (run_.appends_late_ && crew.is_local(worker)) {
      run_.runner_->append(block, *run_.sink_);
      report.journal_bytes = run_.sink_->journal_bytes();
    }
    for (LateShape& late : report.late_shapes) note_shape(block, std::move(late), now);
    run_.options_.observer->on_block_done(crew.workers[worker.value], block, done, report.busy, now);
    if (done > 0) tell_progress(block, done, report, now);
    std::uint64_t& commit_at = crew.commit_at[worker.value];
    if (report.journal_bytes > commit_at) {
      wants_commit_ = true;
      commit_at = report.journal_bytes + crew.limit;  // what stays in the journal does not ask again
    } else if (report.journal_bytes + crew.limit < commit_at) {
      commit_at = report.journal_bytes + crew.limit;
    }
  }

  /// Tells what became of the first `handled` elements of a block.
  void tell_progress(const Block& block, Index handled, const BlockReport& report, TimePoint now) {
    const IndexRange range{block.range.begin, block.range.begin + handled};
    std::vector<RangeSet> lost;  // by output: in this block
    if (!report.failed.empty()) lost.resize(run_.plan_.outputs().size());
    for (const FunctionId id : run_.plan_.stages()[block.stage.value].functions) {
      ElementCounts counts{count_in(run_.todo_[id.value], range), 0, 0};
      if (!lost.empty()) {
        const RangeSet todo = run_.todo_[id.value].intersection(range);
        const RangeSet failed = failed_of(report, id);
        const RangeSet blocked = run_.lineage_.blocked(id, lost).all().intersection(todo).difference(failed);
        for (const OutputId output : run_.plan_.function(id)->outputs)
          lost[output.value] = failed.united(blocked);
        counts.failed = failed.count();
        counts.blocked = blocked.count();
        counts.done -= counts.failed + counts.blocked;
      }
      run_.options_.observer->on_progress(id, counts, now);
    }
  }

  static Index count_in(const RangeSet& elements, IndexRange range) {
    return elements.contains(range) ? range.size() : elements.intersection(range).count();
  }

  static RangeSet failed_of(const BlockReport& report, FunctionId function) {
    for (const FailedElements& failed : report.failed)
      if (failed.function == function) return failed.elements;
    return {};
  }

  /// Elements that failed, and after which the run goes on: unless there are too many of them.
  void note_failed(BlockReport& report, TimePoint now) {
    auto& all = run_.outcome_.failed;
    for (FailedElements& failed : report.failed) {
      failures_ += failed.elements.count();
      for (const IndexRange& range : failed.elements.ranges()) mark_failed(failed.function, range);
      const auto known = std::find_if(all.begin(), all.end(),
                                      [&](const FailedElements& f) { return f.function == failed.function; });
      if (known == all.end())
        all.push_back(std::move(failed));
      else
        for (const IndexRange& range : failed.elements.ranges()) known->elements.insert(range);
    }
    for (Failure& failure : report.details) {
      run_.options_.observer->on_failure(failure);
      run_.outcome_.details.push_back(std::move(failure));
    }
    const std::optional<Index> most = run_.options_.max_failures;
    if (!most || run_.new_failures_ + failures_ <= *most || run_.outcome_.too_many_failures) return;
    run_.outcome_.too_many_failures = true;
    drain(now);
  }

  /// The file tells which elements failed. A resume under `raise` tries them again.
  void mark_failed(const Failure& failure) {
    if (exit_code(failure.category) != exit_code(Category::function_raised)) return;
    mark_failed(run_.plan_.pipeline().producer_of(failure.output), {failure.element, failure.element + 1});
  }
  void mark_failed(FunctionId function, IndexRange range) {
    if (!run_.store_) return;
    for (const OutputId output : run_.plan_.function(function)->outputs)
      run_.store_->mark(output.value, range, ElementStatus::failed);
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
      drain(now);
    }
  }

  /// A commit is collective: nobody may be in a team, whose members wait for each other, and nobody may
  /// compute in a pool that cannot be made to pause.
  bool may_commit() const {
    return std::none_of(crews_.begin(), crews_.end(), [](const auto& crew) {
      return crew->scheduler.has_running_teams() ||
             (crew->threads_of_user && crew->scheduler.blocks_in_flight() > 0);
    });
  }

  /// Everybody stops between two elements and commits what there is.
  void commit() {
    wants_commit_ = false;
    for (const auto& crew : crews_) crew->pool->quiesce();
    if (remote_ != nullptr) remote_->send_commit(++run_.commits_);
    run_.commit();
    for (const auto& crew : crews_) crew->pool->resume();
  }

  void drain(TimePoint now) {
    for (const auto& crew : crews_) crew->scheduler.on_drain(now);
  }

  MapRun& run_;
  std::span<const std::unique_ptr<MapRun::Crew>> crews_;
  RemotePool* remote_;
  TeamWatch watch_;
  Index failures_ = 0;  ///< in this wave, that the run goes on after
  bool wants_commit_ = false;
  TimePoint last_tick_{};
};

/// Tells the director of a wave which crew it hears of.
class CrewListener final : public DispatchObserver {
 public:
  CrewListener(WaveDirector& director, MapRun::Crew& crew) : director_(director), crew_(crew) {}
  void on_assigned(WorkerId worker, const Block& block, TimePoint now) override {
    director_.on_assigned(crew_, worker, block, now);
  }
  void on_block_done(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    director_.on_block_done(crew_, worker, block, report, now);
  }
  void on_block_failed(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    director_.on_block_failed(crew_, worker, block, report, now);
  }
  void on_team_news(WorkerId, TeamNews& news, TimePoint now) override { director_.on_team_news(news, now); }
  void on_turn(TimePoint now) override { director_.on_turn(now); }

 private:
  WaveDirector& director_;
  MapRun::Crew& crew_;
};

/// What the other ranks do between blocks.
class WaveFollower final : public WorkerEvents {
 public:
  explicit WaveFollower(MapRun& run) : run_(run) {}
  void on_barrier(std::uint32_t wave) override {
    if (run_.finish_wave(wave) && !run_.regroup(wave + 1)) run_.prepare_wave(wave + 1);
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
  together(comm_, [] {});  // rank 0 makes its pools
  prepare_wave(wave_);
  WaveFollower follower(*this);
  serve(*transport, *runner_, follower, clock_, {comm_.job_rank(), host_name()}, comm_.wait_options(),
        team_maker_ ? WorkerLoop::Teams{runner_.get(), team_maker_.get()} : WorkerLoop::Teams{});
}

namespace {

/// A pool of the caller's. Whatever its factory throws is an `Error` that all ranks are told.
std::unique_ptr<Pool> user_pool(const std::string& name, const UserExecutor& executor, BlockHandler& handler,
                                const Clock& clock, const ProcessPlace& place) {
  std::unique_ptr<Pool> pool;
  std::string why = "it has no make_pool";
  try {
    if (executor.make_pool) {
      pool = executor.make_pool(handler, clock, place);
      why = "make_pool returned none";
    }
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (pool && pool->worker_count() > 0) return pool;
  if (pool) why = "it has no workers";
  throw Error(Category::bad_option, fmt::format("the executor '{}' made no pool: {}. Mend its make_pool in "
                                                "user_executors.",
                                                name, why));
}

}  // namespace

/// `remote`: the other ranks, for an executor that works on all.
std::unique_ptr<MapRun::Crew> MapRun::make_crew(const ExecutorChoice& executor, RemotePool* remote) const {
  const ProcessPlace place{comm_.job_rank(), host_name()};
  BlockHandler* const handler = runner_.get();
  const auto threads = [&](std::size_t count) {
    return std::make_unique<ThreadPool>(std::vector<BlockHandler*>(count, handler), clock_, place);
  };
  std::unique_ptr<Pool> local;
  std::vector<WorkerTraits> traits;
  SchedulerOptions scheduling;
  if (remote == nullptr) {
    if (executor.kind == ExecutorKind::user)
      local = user_pool(executor.user, options_.user_executors.at(executor.user), *handler, clock_, place);
    else if (executor.kind == ExecutorKind::threads || executor.kind == ExecutorKind::processes)
      local = threads(executor.count);  // each of which drives a process, if any
    else
      local = std::make_unique<InlinePool>(*handler, clock_, place);
    traits.resize(local->worker_count());
  } else {
    traits.resize(remote->worker_count());
    for (std::size_t rank = 1; rank < node_of_rank_.size(); ++rank)
      traits[rank - 1].node = node_of_rank_[rank];
    if (rank0_has_thread_) {
      local = threads(1);
      traits.emplace_back();
    } else if (rank0_computes_) {
      local = std::make_unique<InlinePool>(*handler, clock_, place);
      // Where rank 0 takes elements of any length, the others get their next block before they need it.
      const bool any_length = options_.rank0 == Rank0::work;
      traits.push_back({any_length ? std::nullopt : std::optional(kRank0Slice), false});
      if (any_length) scheduling.prefetch_below = Duration::max();
    }
  }
  auto crew = std::make_unique<Crew>(executor.to_string(), comm_, remote, std::move(local), std::move(traits),
                                     scheduling);
  crew->threads_of_user = executor.kind == ExecutorKind::user && executor.calls_from_threads;
  return crew;
}

void MapRun::lead() {
  std::unique_ptr<RootTransport> transport;
  std::optional<RemotePool> remote;
  if (comm_.size() > 1) {
    transport = make_root_transport(comm_, kRunId);
    remote.emplace(*transport);
  }
  RemotePool* const others = remote ? &*remote : nullptr;
  std::vector<std::unique_ptr<Crew>> crews;
  workers_ = 0;
  together(comm_, [&] {
    for (const ExecutorChoice& executor : settings_.executors) {
      crews.push_back(make_crew(executor, executor.kind == ExecutorKind::mpi ? others : nullptr));
      workers_ += crews.back()->pool->worker_count();
    }
  });
  prepare_wave(wave_);
  for (std::size_t wave = wave_;; ++wave) {
    if (control_ != nullptr && wave + 1 == plan_.wave_count()) control_->on_last_wave();
    lead_wave(wave, crews, others);
    if (remote) remote->send_barrier(static_cast<std::uint32_t>(wave));
    if (!finish_wave(wave)) break;
    options_.observer->on_resolved(plan_);
    if (regroup(wave + 1)) break;
    prepare_wave(wave + 1);
  }
  for (const auto& crew : crews)
    for (std::uint32_t worker = 0; worker < crew->pool->worker_count(); ++worker)
      busy_ += crew->scheduler.tally(WorkerId{worker}).busy;
  if (remote) remote->send_stop();
}

/// What is to be computed of a function in its wave.
RangeSet MapRun::todo(FunctionId id) const {
  const PlannedFunction& function = *plan_.function(id);
  const RangeSet selected = plan_.selected(function.stage);
  RangeSet todo;
  for (const OutputId output : function.outputs)
    todo = todo.united(selected.difference(stored_[output.value]));
  return todo.difference(lost_[function.outputs.front().value]);
}

/// Gives the scheduler the elements of a stage, if there is anything known about them.
void MapRun::begin_stage(const Stage& stage, Scheduler& scheduler) {
  RangeSet all;
  const bool sized = is_known(plan_.external_shape(stage.id));
  for (const FunctionId id : stage.functions) {
    const RangeSet& blocked = blocked_[plan_.function(id)->outputs.front().value];
    if (!blocked.empty()) options_.observer->on_progress(id, {0, 0, blocked.count()}, clock_.now());
    todo_[id.value] = sized ? todo(id) : RangeSet{};
    all = all.united(todo_[id.value]);
  }
  if (!sized) return;
  if (pipeline_.function(stage.functions.front()).function.wants_teams()) {
    const int most = most_ranks(settings_, stage.id, comm_.size());
    const auto teams = runner_->teams_of(stage.functions.front(), all, most);
    return scheduler.on_team_stage_ready(stage.id, teams, clock_.now());
  }
  const std::string name = pipeline_.function(stage.functions.front()).name();
  scheduler.on_stage_ready(stage.id, all, clock_.now(), settings_.block_of(stage.id, all.count(), name));
}

/// Whatever goes wrong here is told to the others at the end of the wave: none of them is left waiting.
void MapRun::lead_wave(std::size_t wave, std::span<const std::unique_ptr<Crew>> crews, RemotePool* remote) {
  try {
    todo_.resize(pipeline_.functions().size());
    for (const StageId stage : plan_.stages_of_wave(wave))
      begin_stage(plan_.stages()[stage.value], crews[settings_.executor_of_stage[stage.value]]->scheduler);
    WaveDirector director(*this, crews, remote);
    std::deque<CrewListener> listeners;  // which the dispatchers point to
    std::vector<Dispatcher> dispatchers;
    for (const auto& crew : crews)
      dispatchers.emplace_back(crew->scheduler, *crew->pool, clock_, listeners.emplace_back(director, *crew));
    dispatch(dispatchers, comm_.wait_options());
  } catch (const Error& error) {
    if (error.category() == Category::rank_lost) {  // nobody is there to be told
      comm_.abandon();
      throw;
    }
    outcome_.error = {error.category(), error.what()};
  } catch (const std::exception& error) {  // of an executor or an observer of the caller's
    outcome_.error = {Category::internal_error, std::string("while blocks were handed out: ") + error.what()};
  }
  if (outcome_.error)
    for (const auto& crew : crews) crew->pool->quiesce();  // nothing changes while what there is, is stored
  for (const Failure& failure : outcome_.failures)
    if (exit_code(failure.category) != 1 && !outcome_.error)
      outcome_.error = {failure.category, failure.message + " (on rank " + std::to_string(failure.rank) +
                                              ", " + failure.host + ")"};
}

}  // namespace mpipe
