// SPDX-License-Identifier: BSD-3-Clause
// Hands out the blocks of a wave on rank 0, and gathers what comes of them.
#include "run/wave_director.hpp"

#include <mpipe/core/error.hpp>

#include "run/surviving/loss_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

namespace mpipe {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
/// Memory is looked at more often: in a tenth of a second some ranks fill a gigabyte.
constexpr Duration kLook = std::chrono::milliseconds(5);

/// Tells the director of a wave which group it hears of.
class GroupListener final : public DispatchObserver {
 public:
  GroupListener(WaveDirector& director, WorkerGroup& group) : director_(director), group_(group) {}
  void on_assigned(WorkerId worker, const Block& block, TimePoint now) override {
    director_.on_assigned(group_, worker, block, now);
  }
  void on_block_done(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    director_.on_block_done(group_, worker, block, report, now);
  }
  void on_block_failed(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    director_.on_block_failed(group_, worker, block, report, now);
  }
  void on_block_given_back(WorkerId worker, const Block& block, TimePoint now) override {
    director_.on_block_given_back(group_, worker, block, now);
  }
  void on_block_stopped(WorkerId worker, const Block& block, BlockReport& report, TimePoint now) override {
    director_.on_block_stopped(group_, worker, block, report, now);
  }
  void on_team_news(WorkerId, TeamNews& news, TimePoint now) override { director_.on_team_news(news, now); }
  void on_turn(TimePoint now) override { director_.on_turn(now); }

 private:
  WaveDirector& director_;
  WorkerGroup& group_;
};

Index count_in(const RangeSet& elements, IndexRange range) {
  return elements.contains(range) ? range.size() : elements.intersection(range).count();
}

RangeSet failed_of(const BlockReport& report, FunctionId function) {
  for (const FailedElements& failed : report.failed)
    if (failed.function == function) return failed.elements;
  return {};
}

/// The function of the caller threw the exception, not a part of the run.
bool is_of_function(const Failure& failure) {
  return exit_code(failure.category) == exit_code(Category::function_raised);
}

}  // namespace

WaveDirector::WaveDirector(const WaveParts& parts, const WorkerGroups& groups, RemotePool* remote)
    : parts_(parts),
      groups_(groups),
      remote_(remote),
      team_timeout_(team_grace(parts.setup.options)),
      todo_(parts.setup.pipeline.functions().size()),
      told_(todo_.size()) {}

WaveOutcome WaveDirector::direct(std::size_t wave, WaveOutcome begun) {
  outcome_ = std::move(begun);
  try {
    if (!outcome_.stopped()) hand_out(wave);
  } catch (const Error& error) {
    if (error.category() == Category::rank_lost) {
      if (parts_.setup.losses != nullptr) parts_.setup.losses->keep(std::move(outcome_.details));
      // Whoever unwinds from here must not wait for the lost rank, neither in a destructor nor in
      // MPI_Finalize.
      parts_.comm.abandon();
      throw;
    }
    outcome_.error = failure_from_current_exception();
  } catch (...) {  // of a pool of the caller's
    outcome_.error = failure_from_current_exception();
    outcome_.error->category = Category::internal_error;
    outcome_.error->message = "while blocks were handed out: " + outcome_.error->message;
  }
  // What has been computed is stored next, and no worker may change it meanwhile.
  if (outcome_.error)
    for (const auto& group : groups_) group->pool->quiesce();
  for (const Failure& failure : outcome_.failures) {
    if (is_of_function(failure) || outcome_.error) continue;
    outcome_.error = failure;
    outcome_.error->message += fmt::format(" (on rank {}, {})", failure.rank, failure.host);
  }
  return std::move(outcome_);
}

void WaveDirector::hand_out(std::size_t wave) {
  const RunSetup& setup = parts_.setup;
  readiness_ = Readiness(setup.plan, wave);
  for (const StageId stage : setup.plan.stages_of_wave(wave)) begin_stage(setup.plan.stages()[stage.value]);
  std::deque<GroupListener> listeners;  // which the dispatchers point to
  // The stages are ready before the first dispatcher turns: a scheduler without work would be over at once.
  std::vector<Dispatcher> dispatchers;
  for (const auto& group : groups_)
    dispatchers.emplace_back(group->scheduler, *group->pool, parts_.clock,
                             listeners.emplace_back(*this, *group));
  dispatch(dispatchers, parts_.comm.wait_options());
  // What could be done without the lost ranks is done, and what follows is collective.
  if (lost_some_)
    throw Error(Category::rank_lost, "a rank was lost while blocks were computed. The others go on.");
  if (outcome_.drained) note_drained(wave);
}

/// A drain that found no work to leave out is none: the run goes on to its next wave, or is complete.
void WaveDirector::note_drained(std::size_t wave) {
  const RunSetup& setup = parts_.setup;
  const std::vector<StageId> stages = setup.plan.stages_of_wave(wave);
  outcome_.drained = std::any_of(stages.begin(), stages.end(), [&](StageId stage) {
    return !readiness_.waiting(stage).empty() || !scheduler_of(stage).unfinished(stage).empty();
  });
}

Scheduler& WaveDirector::scheduler_of(StageId stage) const {
  return groups_[parts_.setup.settings.executor_of_stage[stage.value]]->scheduler;
}

/// Elements that waited for those of the block go to the schedulers. One that had no work left goes on by that, since
/// nobody stops before all schedulers are finished, and this one is not yet.
void WaveDirector::release(const Block& done) {
  for (const auto& [stage, elements] : readiness_.on_done(done.stage, done.range))
    scheduler_of(stage).on_elements_ready(stage, elements);
}

/// Gives the scheduler the elements of a stage, if there is anything known about them.
void WaveDirector::begin_stage(const Stage& stage) {
  const RunSetup& setup = parts_.setup;
  RangeSet all;
  const bool sized = is_known(setup.plan.external_shape(stage.id));
  for (const FunctionId id : stage.functions) {
    const RangeSet& blocked = parts_.progress.of(setup.plan.function(id)->outputs.front()).blocked();
    if (!blocked.empty()) parts_.observer.on_progress(id, {0, 0, blocked.count()}, parts_.clock.now());
    todo_[id.value] = sized ? parts_.progress.todo(id) : RangeSet{};
    all = all.united(todo_[id.value]);
  }
  if (!sized) return;
  Scheduler& scheduler = scheduler_of(stage.id);
  const RangeSet ready = readiness_.begin(stage.id, all);
  const FunctionId first = stage.functions.front();
  if (setup.pipeline.function(first).function.wants_teams()) {
    const int most = most_ranks(setup.settings, stage.id, parts_.comm.size());
    const auto teams = parts_.workers.runner().teams_of(first, all, most);
    return scheduler.on_team_stage_ready(stage.id, teams, parts_.clock.now());
  }
  auto block = setup.settings.block_of(stage.id, all.count(), setup.function_name(first));
  // One by one, so that it shows which of them a rank dies of.
  if (setup.losses != nullptr && !setup.losses->suspects(first).intersection(all).empty()) block = 1;
  scheduler.on_stage_ready(stage.id, ready, parts_.clock.now(), block);
}

/// What a lost rank had is left to the next meeting: what of it is in the journal is done, and the rest is computed with
/// care, as the rank may have died of it.
void WaveDirector::note_losses(TimePoint now) {
  if (parts_.setup.losses == nullptr) return;  // first, as this is asked after each event
  const std::size_t known = lost_count(parts_.comm);
  if (known == losses_seen_) return;
  losses_seen_ = known;
  for (const LostRank& lost : lost_ranks(parts_.comm)) {
    if (parts_.setup.losses->knows(lost.job_rank)) continue;
    lost_some_ = true;
    parts_.setup.losses->on_lost(lost, take_from_lost(lost, now), parts_.setup);
  }
}

std::vector<Block> WaveDirector::take_from_lost(const LostRank& lost, TimePoint now) {
  std::vector<Block> had;
  const WorkerId worker{static_cast<std::uint32_t>(lost.rank - 1)};
  for (const auto& group : groups_) {
    if (group->is_local(worker)) continue;
    const std::vector<Block> of_group = group->scheduler.take_from_lost(worker, now);
    had.insert(had.end(), of_group.begin(), of_group.end());
  }
  return had;
}

void WaveDirector::on_block_done(WorkerGroup& group, WorkerId worker, const Block& block, BlockReport& report,
                                 TimePoint now) {
  // A block that is over has no member left that could stay away, so its time limit is lifted.
  team_timeout_.on_over(block.id);
  note(group, worker, block, report, block.range.size(), now);
  release(block);
  if (!report.failed.empty()) note_failed(report, now);
}

void WaveDirector::on_block_failed(WorkerGroup& group, WorkerId worker, const Block& block,
                                   BlockReport& report, TimePoint now) {
  team_timeout_.on_over(block.id);
  note(group, worker, block, report, report.completed, now);
  if (!report.failed.empty()) note_failed(report, now);
  for (const auto& other : groups_)
    // The scheduler of the failed block knows already that no further block is to be handed out; the others
    // have to be told.
    if (other.get() != &group) other->scheduler.on_drain(now);
  Failure& failure = *report.failure;
  // Noted before the observer hears of it, which may throw.
  outcome_.failures.push_back(failure);
  // What the job lacks, as processes or space on a disk, is no failure of the element at which it showed.
  if (is_of_function(failure)) {
    const FunctionId function = parts_.setup.pipeline.producer_of(failure.output);
    mark_failed(function, {{failure.element, failure.element + 1}});
    parts_.observer.on_progress(function, {0, 1, 0}, now);
  }
  parts_.observer.on_failure(failure);
}

/// A rank may know that the time is over before this one does, or alone: then the run ends in order for all.
void WaveDirector::on_block_stopped(WorkerGroup& group, WorkerId worker, const Block& block,
                                    BlockReport& report, TimePoint now) {
  team_timeout_.on_over(block.id);
  note(group, worker, block, report, report.completed, now);
  release({block.id, block.stage, {block.range.begin, block.range.begin + report.completed}});
  if (!report.failed.empty()) note_failed(report, now);
  outcome_.drained = true;
  drain(now);
}

/// Observers may cancel from within a tick, so the question whether the run is cancelled follows it.
void WaveDirector::on_turn(TimePoint now) {
  note_losses(now);
  // A lost team comes first, because a commit waits for teams to end and this one never does.
  team_timeout_.check(now);
  // Asking costs a call of the system, which is little in some milliseconds.
  if (!last_look_ || now - *last_look_ >= kLook) {
    last_look_ = now;
    wants_commit_ = wants_room(parts_.values, room_until_) || wants_commit_;
  }
  if (wants_commit_ && lost_some_) drain(now);  // the next meeting moves all that is in journals
  if (wants_commit_ && may_commit()) commit();
  parts_.store.maintain(now);
  parts_.store.check();
  if (last_tick_ && now - *last_tick_ < kTick) return;
  last_tick_ = now;
  parts_.observer.on_tick(now);
  const bool cancelled = parts_.control != nullptr && !outcome_.cancelled && parts_.control->cancelled();
  const bool drained = !outcome_.drained && (drain_requested() || parts_.drain_watch.is_due(now));
  outcome_.cancelled = outcome_.cancelled || cancelled;
  outcome_.drained = outcome_.drained || drained;
  if (cancelled || drained) drain(now);
}

/// Takes note of the first `handled` elements of a block.
void WaveDirector::note(WorkerGroup& group, WorkerId worker, const Block& block, BlockReport& report,
                        Index handled, TimePoint now) {
  if (parts_.workers.appends_late() && group.is_local(worker))
    // Before the size of the journal is looked at below: appending is what makes it grow.
    parts_.store.append_late(parts_.workers.runner(), block, report);
  for (LateShape& late : report.late_shapes) note_shape(block, std::move(late), now);
  parts_.observer.on_block_done(group.workers[worker.value], block, handled, report.busy, now);
  parts_.drain_watch.on_block(block.stage.value, handled, report.busy);
  if (handled > 0) tell_progress(block, handled, report, now);
  if (group.wants_commit(worker, report.journal_bytes)) wants_commit_ = true;
}

void WaveDirector::tell_progress(const Block& block, Index handled, const BlockReport& report,
                                 TimePoint now) {
  const Plan& plan = parts_.setup.plan;
  const IndexRange range{block.range.begin, block.range.begin + handled};
  std::vector<RangeSet> without_value;  // by output: in this block
  if (!report.failed.empty()) without_value.resize(plan.outputs().size());
  for (const FunctionId id : plan.stages()[block.stage.value].functions) {
    ElementCounts counts{count_in(todo_[id.value], range), 0, 0};
    if (!without_value.empty()) {
      const RangeSet todo = todo_[id.value].intersection(range);
      const RangeSet failed = failed_of(report, id);
      const RangeSet blocked =
          parts_.progress.lineage().blocked(id, without_value).all().intersection(todo).difference(failed);
      for (const OutputId output : plan.function(id)->outputs)
        without_value[output.value] = failed.united(blocked);
      counts.failed = failed.count();
      counts.blocked = blocked.count();
      counts.done -= counts.failed + counts.blocked;
    }
    told_[id.value] += counts.done;
    parts_.observer.on_progress(id, counts, now);
  }
}

void WaveDirector::tell_rest(std::size_t wave) {
  const Plan& plan = parts_.setup.plan;
  for (const StageId stage : plan.stages_of_wave(wave))
    for (const FunctionId id : plan.stages()[stage.value].functions) {
      const RangeSet& done = parts_.progress.of(plan.function(id)->outputs.front()).done();
      const Index rest = todo_[id.value].intersection(done).count() - told_[id.value];
      if (rest != 0) parts_.observer.on_progress(id, {rest, 0, 0}, parts_.clock.now());
    }
}

/// Elements that failed, and after which the run goes on: unless there are too many of them.
void WaveDirector::note_failed(BlockReport& report, TimePoint now) {
  auto& all = outcome_.failed;
  for (FailedElements& failed : report.failed) {
    failures_ += failed.elements.count();
    mark_failed(failed.function, failed.elements);
    const auto known = std::find_if(all.begin(), all.end(),
                                    [&](const FailedElements& f) { return f.function == failed.function; });
    if (known == all.end())
      all.push_back(std::move(failed));
    else
      known->elements.insert(failed.elements);
  }
  for (Failure& failure : report.details) {
    parts_.observer.on_failure(failure);
    outcome_.details.push_back(std::move(failure));
  }
  const std::optional<Index> most = parts_.setup.options.max_failures;
  if (!most || parts_.progress.new_failures() + failures_ <= *most || outcome_.too_many_failures) return;
  outcome_.too_many_failures = true;
  drain(now);
}

void WaveDirector::mark_failed(FunctionId function, const RangeSet& elements) {
  parts_.store.mark(parts_.setup.plan.function(function)->outputs, elements, ElementStatus::failed);
}

/// The shape of an output that a worker found. All elements must agree on it.
void WaveDirector::note_shape(const Block& block, LateShape late, TimePoint now) {
  auto& shapes = outcome_.shapes;
  const auto known =
      std::find_if(shapes.begin(), shapes.end(), [&](const LateShape& s) { return s.output == late.output; });
  if (known == shapes.end()) return shapes.push_back(std::move(late));
  if (known->internal == late.internal) return;
  Failure failure = std::move(late.shown_by).value_or(Failure());
  const PlannedOutput& output = parts_.setup.plan.output(late.output);
  if (failure.output.empty()) {  // its rank told it with a report that came too late to count
    failure.output = parts_.setup.function_name(output.function);
    failure.element = block.range.begin;
    failure.index =
        multi_index(block.range.begin, known_shape(parts_.setup.plan.external_shape(block.stage)));
  }
  failure.category = Category::internal_shape_mismatch;
  failure.type = "mpipe::Error";
  failure.message = fmt::format(
      "the function returned an array of shape {} for '{}', which does not match the expected internal shape "
      "{} "
      "of elements on other ranks (all elements of an output have one shape). Return arrays of equal shapes.",
      to_string(late.internal), output.name, to_string(known->internal));
  parts_.observer.on_failure(failure);
  outcome_.failures.push_back(std::move(failure));
  drain(now);
}

/// A commit is collective: nobody may be in a team, whose members wait for each other, and nobody may compute
/// in a pool that cannot be made to pause.
bool WaveDirector::may_commit() const {
  if (lost_some_) return false;
  return std::none_of(groups_.begin(), groups_.end(), [](const auto& group) {
    return group->scheduler.has_running_teams() ||
           (group->threads_of_user && group->scheduler.blocks_in_flight() > 0);
  });
}

/// Everybody stops between two elements and commits what there is.
void WaveDirector::commit() {
  wants_commit_ = false;
  const TimePoint began = parts_.clock.now();
  for (const auto& group : groups_) group->pool->quiesce();
  // The others enter the collective commit when they read this. It follows `quiesce`, after which no block
  // changes an array, and precedes rank 0's own commit, which waits for theirs.
  if (remote_ != nullptr) remote_->send_commit(parts_.store.next_commit());
  commit_values(parts_.values);
  for (const auto& group : groups_) group->pool->resume();
  parts_.drain_watch.on_commit(parts_.clock.now() - began);
  tell_deadline(parts_.drain_watch, parts_.workers.runner());
}

void WaveDirector::drain(TimePoint now) {
  for (const auto& group : groups_) group->scheduler.on_drain(now);
}

}  // namespace mpipe
