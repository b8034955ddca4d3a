// SPDX-License-Identifier: BSD-3-Clause
// Walks all ranks of a run through its waves together.
#include "run/map_run.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "comm/api/survival.hpp"
#include "run/api/execute_request.hpp"
#include "run/api/run_bytes.hpp"
#include "run/run_results.hpp"
#include "run/surviving/blamed_elements.hpp"
#include "run/wave_director.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe {
namespace {

/// Frames travel on a communicator of their own, so one number serves every run.
constexpr RunId kRunId = 1;

/// The deadline of the run as a moment of the run's own clock, which nobody sets while it goes on.
std::optional<TimePoint> deadline_of(const MapOptions& options, const Clock& clock) {
  if (!options.deadline) return std::nullopt;
  return clock.now() + (*options.deadline - std::chrono::system_clock::now());
}

std::shared_ptr<RunObserver> observer_of(const Communicator& comm, const MapOptions& options) {
  return comm.is_root() ? options.observer : nullptr;
}

std::string shapes_of_arguments(const Plan& plan, const PlannedFunction& function) {
  std::string text;
  for (const PlannedArgument& argument : function.arguments) {
    if (!text.empty()) text += ", ";
    text += argument.name + "=";
    if (argument.output)
      text += "array of shape " + to_string(plan.output(*argument.output).layout.shape);
    else
      text += describe(plan.constant(argument.constant));
  }
  return text;
}

}  // namespace

/// The store comes first, because what it has kept decides what is left to compute and which shapes are
/// known. The workers follow, as their runner appends to the store. Observers are told last, with numbers
/// that are right then.
MapRun::MapRun(const Communicator& comm, std::unique_ptr<RunSetup> setup, const NodeInventory& inventory,
               RunControl* control, const Clock& clock)
    : comm_(comm),
      control_(control),
      clock_(clock),
      setup_(std::move(setup)),
      plan_(setup_->plan),
      observer_(observer_of(comm, setup_->options)),
      times_(clock.now()),
      arrays_(plan_),
      progress_(plan_),
      store_(*setup_),
      assumed_(plan_.outputs().size(), false),
      drain_watch_(deadline_of(setup_->options, clock)) {
  store_.open(comm_);
  progress_.take_stored(store_.stored(), setup_->keeps_failed());
  for (const auto& [output, internal] : store_.found_shapes()) plan_.resolve(output, internal);
  join_memory(inventory, nullptr);
  // What fails under `continue` blocks other elements, of which workers are told between two waves, and so are ranks
  // that join.
  if (memory_.is_one_node() && !setup_->goes_on() && (control_ == nullptr || !control_->may_grow()))
    plan_.let_stages_overlap();
  workers_ = std::make_unique<LocalWorkers>(comm_, *setup_, inventory, arrays_, store_.sink(), clock_);
  together(comm_, [&] { tell_start(); });
}

/// A rank that joins: everything that the others know of the run comes by `attach_ranks`, in which they take
/// part at the same time.
MapRun::MapRun(const Communicator& comm, std::unique_ptr<RunSetup> setup, RunControl* control,
               const Clock& clock)
    : comm_(comm),
      control_(control),
      clock_(clock),
      setup_(std::move(setup)),
      plan_(setup_->plan),
      observer_(nullptr),
      times_(clock.now()),
      arrays_(plan_),
      progress_(plan_),
      store_(*setup_),
      assumed_(plan_.outputs().size(), false),
      drain_watch_(deadline_of(setup_->options, clock)) {
  attach_ranks(true);
}

/// Arrays are made in the memory that the ranks of a node share.
void MapRun::join_memory(const NodeInventory& inventory, const NodeMemory* earlier) {
  budget_ = memory_budget(setup_->options, inventory);
  const bool may_grow = control_ != nullptr && control_->may_grow();
  // A rank alone has memory of its own where all has room: it has large pages, which are faster.
  if (comm_.size() == 1 && !may_grow && (budget_ == 0 || plan_.known_bytes() <= budget_ / 2)) return;
  memory_ = NodeMemory(comm_, inventory, kSlotsOfAnOutput * plan_.outputs().size(), true, earlier);
  arrays_.use(memory_.pages());
}

void MapRun::tell_start() {
  observer_.on_start(plan_, workers_->machine(), progress_.counts());
  if (!memory_.problem().empty())
    observer_.on_note("values are copied to ranks of one node: " + memory_.problem());
  for (const std::string& sentence : store_.reuse_notes()) observer_.on_note(sentence);
  if (setup_->options.explain)
    for (const std::string& sentence : store_.explain()) observer_.on_note(sentence);
  if (workers_->forks_late())
    observer_.on_note(
        "isolated functions with captures, and those of a program that started MPI before mpipe::Environment "
        "was made, run in forks of the ranks themselves, which begin more slowly");
}

/// Progress is told block by block. A block that fails has elements that nobody told of, and what is in memory is
/// kept at the end of its wave only.
void MapRun::tell_settled() {
  if (!comm_.is_root()) return;
  std::vector<SettledOutput> outputs;
  for (const ElementCounts& counts : progress_.counts()) {
    const StorageKind storage = setup_->settings.storage[outputs.size()];
    outputs.push_back({counts, store_.keeps() && storage == StorageKind::memory});
  }
  observer_.on_settled(outputs);
}

Results MapRun::run() {
  while (wave_ < plan_.wave_count()) {
    if (comm_.is_root())
      lead();
    else
      follow();
    // `lead` and `follow` return at the end of the run, or because ranks join. In that case the pools and
    // transports of the old ranks are gone already, which `detach_ranks` relies on.
    if (!next_comm_) break;
    end_of_ranks();
    detach_ranks();
    attach_ranks(false);
  }
  // The store is closed before results are gathered: what was computed is safe then, whatever happens while
  // values travel.
  store_.finish(arrays_, !outcome_.stopped());
  together(comm_, [&] { tell_settled(); });
  Results results = collect_results(comm_, *setup_, progress_, memory_, arrays_);
  end_of_ranks();
  times_.report(comm_, plan_, results);
  if (outcome_.stopped()) throw_outcome(std::move(results));
  return results;
}

/// Rank 0 makes the pools, which may fail, while the others are told at the first `together`.
void MapRun::lead() {
  std::unique_ptr<RootTransport> transport;
  std::optional<RemotePool> remote;
  if (comm_.size() > 1) {
    transport = make_root_transport(comm_, kRunId);
    remote.emplace(*transport);
  }
  RemotePool* const others = remote ? &*remote : nullptr;
  WorkerGroups groups;
  together(comm_, [&] { groups = workers_->make_groups(others); });
  worker_count_ = 0;
  for (const auto& group : groups) worker_count_ += group->worker_count();
  begin_wave();
  for (bool more = true; more;) {
    if (control_ != nullptr && wave_ + 1 == plan_.wave_count()) control_->on_last_wave();
    WaveDirector director(
        {comm_, clock_, *setup_, progress_, values(), store_, *workers_, observer_, control_, drain_watch_},
        groups, others);
    outcome_ = director.direct(wave_, std::move(outcome_));
    // The others are in `serve` and enter the collective calls of `finish_wave` when they read the barrier,
    // so it must be sent before rank 0 enters them itself.
    if (others != nullptr) others->send_barrier(static_cast<std::uint32_t>(wave_));
    const std::size_t wave = wave_;
    more = finish_wave();
    // A step that the others take as well (`on_barrier`): they are not left waiting where an observer throws.
    if (!outcome_.error) together(comm_, [&] { director.tell_rest(wave); });
    if (more) begin_wave();
  }
  for (const auto& group : groups) times_.add_busy(group->busy());
  // Without this the others would wait in `serve` for ever. No message may follow it.
  if (others != nullptr) others->send_stop();
}

void MapRun::follow() {
  const auto transport = make_worker_transport(comm_, kRunId);
  together(comm_, [] {});  // rank 0 makes its pools
  begin_wave();
  serve(*transport, workers_->runner(), *this, clock_, {comm_.job_rank(), host_name()}, comm_.wait_options(),
        workers_->teams());
}

void MapRun::on_barrier(std::uint32_t) {
  const bool more = finish_wave();
  if (!outcome_.error) together(comm_, [] {});  // rank 0 tells its observer
  if (more) begin_wave();
}

/// An error of a commit is that of all ranks: rank 0 ends the wave with it.
void MapRun::on_commit(std::uint32_t) {
  // Rank 0 meets the same error in its own commit, and tells all ranks with the outcome of the wave. Only the
  // loss of a rank is thrown on: there is nobody left to tell it.
  try {
    const TimePoint began = clock_.now();
    commit_values(values());
    drain_watch_.on_commit(clock_.now() - began);
    tell_deadline(drain_watch_, workers_->runner());
  } catch (const Error& error) {
    if (error.category() == Category::rank_lost) throw;
  }
}

void MapRun::on_turn(TimePoint now) { store_.maintain(now); }

void MapRun::begin_wave() {
  outcome_ = {};
  drain_watch_.on_wave();
  tell_deadline(drain_watch_, workers_->runner());
  progress_.begin_wave();
  // Before anything is called blocked by it. All ranks have the same plan, so all of them come here or none.
  if (!plan_.misfits().empty()) together(comm_, [&] { note_misfits(); });
  if (survives(comm_)) note_blamed();
  progress_.find_blocked(wave_);
  together(comm_, [&] {
    if (wave_ > 0) observer_.on_resolved(plan_);
    tell_settled();
    for (const OutputId output : outputs_of_wave(plan_, wave_))
      if (is_sized(plan_, output)) arrays_.prepare(output);
  });
  // Arrays that are prepared take what earlier starts have computed, before any block reads them.
  for (const OutputId output : outputs_of_wave(plan_, wave_))
    if (is_sized(plan_, output) && is_looked_at(*setup_, progress_, output)) load_stored(output);
  together(comm_,
           [&] { workers_->runner().prepare_wave(wave_, progress_.done(), progress_.never_called()); });
}

/// A function whose arrays turned out not to fit together fails as a whole. It fails here and not in a call, as
/// no element of it can be called.
void MapRun::note_misfits() {
  WaveOutcome found;
  for (const auto& [id, why] : plan_.misfits()) {
    const PlannedFunction& function = *plan_.function(FunctionId{id});
    const OutputId first = function.outputs.front();
    const RangeSet all = is_sized(plan_, first) ? plan_.selected(function.stage) : RangeSet{{0, 1}};
    const RangeSet fresh =
        all.difference(progress_.without_value()[first.value]).difference(progress_.of(first).done());
    if (fresh.empty()) continue;
    Failure failure;
    failure.output = setup_->function_name(function.id);
    failure.message = why;
    failure.type = "mpipe::Error";
    failure.arguments = shapes_of_arguments(plan_, function);
    failure.host = host_name();
    failure.rank = comm_.job_rank();
    observer_.on_progress(function.id, {0, fresh.count(), 0}, clock_.now());
    observer_.on_failure(failure);
    if (!setup_->goes_on()) {
      outcome_.failures.push_back(std::move(failure));
      continue;
    }
    if (comm_.is_root() && is_sized(plan_, first))
      store_.mark(function.outputs, fresh, ElementStatus::failed);
    found.failed.push_back({function.id, fresh});
    found.details.push_back(std::move(failure));
  }
  progress_.take_failed(found);
  const auto most = setup_->options.max_failures;
  if (most && progress_.new_failures() > *most) outcome_.too_many_failures = true;
}

/// Elements of which ranks have died fail without another call. Rank 0 knows them, and all take note alike.
void MapRun::note_blamed() {
  const Bytes bytes = on_root(comm_, [&] { return encode_blamed(*setup_, wave_); });
  WaveOutcome found;
  for (BlamedElement& each : decode_blamed(bytes)) {
    // Of the functions of a stage, the first one that has no value is the one that was called.
    const Stage& stage = plan_.stages()[plan_.function(each.function)->stage.value];
    const auto called = std::find_if(stage.functions.begin(), stage.functions.end(), [&](FunctionId id) {
      return !progress_.of(plan_.function(id)->outputs.front()).done().contains(each.failure.element);
    });
    if (called == stage.functions.end()) continue;
    // An earlier meeting has taken note of it already.
    const OutputId first = plan_.function(*called)->outputs.front();
    if (progress_.without_value()[first.value].contains(each.failure.element)) continue;
    each.failure.output = setup_->function_name(*called);
    observer_.on_progress(*called, {0, 1, 0}, clock_.now());
    observer_.on_failure(each.failure);
    if (!setup_->goes_on()) {
      outcome_.failures.push_back(std::move(each.failure));
      continue;
    }
    const RangeSet element{{each.failure.element, each.failure.element + 1}};
    if (comm_.is_root()) store_.mark(plan_.function(*called)->outputs, element, ElementStatus::failed);
    found.failed.push_back({*called, element});
    found.details.push_back(std::move(each.failure));
  }
  progress_.take_failed(found);
}

/// What an earlier start computed shows the shape of elements that the plan does not know yet. No block of this
/// start reports it, as the array has it from here on, so that it is noted now: an output whose shape nobody
/// tells has no place in the results, and what was stored of it would be lost at the end.
void MapRun::load_stored(OutputId output) {
  load_values(values(), output, progress_.of(output).done());
  const PartialArray& array = *arrays_.find(output);
  if (array.internal_known() && !plan_.output(output).layout.internal_known())
    outcome_.shapes.push_back({output, array.internal()});
}

/// Inputs that lie in files are read as blocks need them. Each rank looks once more whether they are still those
/// that it began with, so that no run of two versions of a file is called complete.
void MapRun::check_inputs() {
  try {
    together(comm_, [&] {
      for (const auto& [name, value] : plan_.constants())
        if (value.source() != nullptr) value.source()->check_same();
    });
  } catch (const Error&) {
    if (!outcome_.stopped()) outcome_.error = failure_from_current_exception();
  }
}

/// The order matters. Failures and shapes first, because what is blocked follows from both; then the store
/// learns of shapes, and only then commits, as it lays out late arrays by them; what is done counts when the
/// commit is over; and values are shared last, for nobody else needs them when the run stops.
bool MapRun::finish_wave() {
  check_inputs();
  outcome_ = agree_on_outcome(comm_, std::move(outcome_));
  progress_.take_failed(outcome_);
  apply_shapes();
  progress_.find_blocked(wave_);
  mark_blocked();
  store_.resolve(assumed_);
  const TimePoint began = clock_.now();
  commit_values(values());
  drain_watch_.on_commit(clock_.now() - began);
  const std::vector<Holdings> holdings = find_done();
  if (outcome_.stopped()) return false;
  share(holdings);
  drop_read(values(), wave_);
  ++wave_;
  return wave_ < plan_.wave_count() && !grow();
}

/// The file tells which elements are blocked. That is found anew by each start, so it is written once.
void MapRun::mark_blocked() {
  if (!store_.keeps()) return;
  together(comm_, [&] {
    store_.check();
    if (!comm_.is_root()) return;
    for (const OutputId output : outputs_of_wave(plan_, wave_))
      if (is_sized(plan_, output)) store_.mark_blocked(output, progress_.of(output).blocked());
  });
}

/// Shapes that were found are the same on all ranks, so what they contradict is found on all ranks alike.
void MapRun::apply_shapes() {
  const std::vector<OutputId> outputs = outputs_of_wave(plan_, wave_);
  // In the order in which ranks told them it would depend on chance which of two shapes comes first.
  std::sort(outcome_.shapes.begin(), outcome_.shapes.end(),
            [](const LateShape& a, const LateShape& b) { return a.output.value < b.output.value; });
  try {
    for (const LateShape& late : outcome_.shapes) {
      const PlannedOutput& planned = plan_.output(late.output);
      // More axes than any file can have are refused before the plan takes them over, and the store with it.
      if (ArrayLayout found = planned.layout; !found.rank_known) {
        found.set_internal_rank(planned.name, late.internal.size());
        found.check_limits(planned.name);
      }
      plan_.resolve(late.output, late.internal);
    }
    for (const OutputId output : outputs) {
      const ArrayLayout& layout = plan_.output(output).layout;
      if (!layout.rank_known || layout.internal_known() || outcome_.stopped() || !is_sized(plan_, output))
        continue;
      // Nobody computed an element, so nobody saw its shape. Where all failed it stays unknown, as a later
      // start may get further.
      const RangeSet& missing = progress_.without_value()[output.value];
      if (!missing.intersection(plan_.selected(plan_.output(output).stage)).empty()) continue;
      if (element_count(known_shape(layout.external_shape())) != 0) assume_shape(output);
      Shape empty;
      for (const auto& extent : layout.internal_shape()) empty.push_back(extent.value_or(0));
      plan_.resolve(output, empty);
    }
  } catch (const Error&) {
    if (!outcome_.stopped()) outcome_.error = failure_from_current_exception();
  }
  for (const OutputId output : outputs)
    if (is_sized(plan_, output)) arrays_.adopt(output);
}

/// No element of the output was selected, and so no element that depends on them either. Another start may
/// compute some: their shapes count as empty in this one, and the store is not told.
void MapRun::assume_shape(OutputId output) {
  assumed_[output.value] = true;
  for (const FunctionId id : setup_->pipeline.topological_order()) {
    const auto& planned = plan_.function(id);
    if (!planned) continue;
    for (const PlannedArgument& argument : planned->arguments)
      if (argument.output && assumed_[argument.output->value])
        for (const OutputId dependent : planned->outputs) assumed_[dependent.value] = true;
  }
}

/// Collective. Who has what of the outputs of the wave at hand, in their order.
std::vector<Holdings> MapRun::find_done() {
  std::vector<Holdings> holdings;
  for (const OutputId output : outputs_of_wave(plan_, wave_)) {
    const PartialArray* array = arrays_.find(output);
    holdings.push_back(array != nullptr ? find_holdings(comm_, memory_, *array) : Holdings{});
    progress_.add_done(output, holdings.back().all);
  }
  return holdings;
}

/// Collective. Values that a later wave reads are brought to all ranks, as any rank may get any block of it.
/// What only this wave reads stays where it was computed.
void MapRun::share(const std::vector<Holdings>& holdings) {
  std::size_t at = 0;
  for (const OutputId output : outputs_of_wave(plan_, wave_)) {
    const Holdings& of_output = holdings[at++];
    // Where no shape is known there are no values.
    if (!plan_.output(output).layout.internal_known()) continue;
    if (PartialArray* array = arrays_.find(output); array && last_reading_wave(plan_, output) > wave_)
      share_with_all(comm_, memory_, of_output, *array);
  }
}

/// Whether ranks join the run before the wave at hand.
bool MapRun::grow() {
  if (control_ != nullptr && control_->may_grow()) next_comm_ = control_->regroup(comm_);
  return next_comm_.has_value();
}

/// To be called while the workers still exist: the costs of their calls are theirs.
void MapRun::end_of_ranks() {
  times_.end_of_ranks(clock_.now(), comm_.size(), worker_count_, workers_->runner().costs());
}

/// Gives up what depends on the ranks so far. The arrays stay.
void MapRun::detach_ranks() {
  // The workers refer to the sink of the store, which ends here; no block is computed between the two calls.
  // The communicator changes last, because leaving the store still needs the old ranks.
  store_.leave(arrays_);
  workers_.reset();
  comm_ = *next_comm_;
  next_comm_.reset();
}

/// On all ranks, also on those that are new and know only how the run began.
void MapRun::attach_ranks(bool is_new) {
  const Bytes state = on_root(comm_, [&] { return encode_state(); });
  together(comm_, [&] {
    if (!comm_.is_root()) take_state(state);
    setup_->settings = make_settings(plan_, setup_->options, comm_.size());
  });
  // From here on both old and new ranks have the same plan and progress. They open the store together before
  // workers are made, as these append to it; earlier values are shared at the end.
  const NodeInventory inventory = find_inventory(comm_, needs_devices(setup_->pipeline));
  join_memory(inventory, is_new ? nullptr : &memory_);
  store_.reopen(comm_);
  workers_ = std::make_unique<LocalWorkers>(comm_, *setup_, inventory, arrays_, store_.sink(), clock_);
  share_earlier();
}

/// What later waves read, for those who did not have it. All arrays of earlier waves are made, as values are gathered
/// from all ranks at the end.
void MapRun::share_earlier() {
  for (std::size_t wave = 0; wave < wave_; ++wave)
    for (const OutputId output : outputs_of_wave(plan_, wave)) {
      if (!is_sized(plan_, output)) continue;
      together(comm_, [&] { arrays_.prepare(output); });
      if (!plan_.output(output).layout.internal_known() || last_reading_wave(plan_, output) < wave_) continue;
      share_with_all(comm_, memory_, find_holdings(comm_, memory_, *arrays_.find(output)),
                     *arrays_.find(output));
    }
}

Bytes MapRun::encode_state() const {
  ByteWriter out;
  out.put(static_cast<std::uint64_t>(wave_));
  put_shapes(out, plan_);
  for (const bool assumed : assumed_) out.put(assumed);
  progress_.put(out);
  return std::move(out.bytes());
}

void MapRun::take_state(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "the state of a run");
  wave_ = in.get<std::uint64_t>();
  get_shapes(in, plan_);
  for (std::size_t k = 0; k < assumed_.size(); ++k) assumed_[k] = in.get<bool>();
  progress_.get(in);
  in.expect_end();
}

void MapRun::tell_end(const std::string& state, const std::string& message) {
  together(comm_, [&] { observer_.on_end(state, message); });
}

void MapRun::throw_outcome(Results partial) {
  const auto results = std::make_shared<const Results>(std::move(partial));
  if (outcome_.error) {
    tell_end("failed", outcome_.error->message);
    throw RunStopped(error_of(*outcome_.error), results);
  }
  if (outcome_.failures.empty() && !outcome_.too_many_failures) {
    const std::string folder = setup_->options.run_folder;
    const bool drained = outcome_.drained && !outcome_.cancelled;
    std::string text = drained ? "the run stopped in order, as its time ends or somebody asked for it."
                               : "the run was cancelled.";
    if (!folder.empty())
      text += fmt::format(" What was done before is kept in '{}': go on by --resume.", folder);
    tell_end(drained ? "drained" : "cancelled", text);
    throw RunStopped(Error(drained ? Category::drained : Category::cancelled, text), results);
  }
  // Failures arrived in the order in which ranks reported them. Sorted, the same run fails with the same
  // message.
  progress_.sort(outcome_.failures);
  const bool too_many = outcome_.failures.empty();
  const FunctionError error =
      too_many
          ? FunctionError(progress_.details(), results, progress_.new_failures(),
                          fmt::format("more than {} elements failed (max_failures), so the run stopped: ",
                                      setup_->options.max_failures.value_or(0)))
          : FunctionError(outcome_.failures, results, static_cast<Index>(outcome_.failures.size()));
  tell_end("failed", error.what());
  throw error;
}

}  // namespace mpipe
