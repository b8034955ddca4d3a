// SPDX-License-Identifier: BSD-3-Clause
// The waves of a map run: what all ranks do together.
#include "run/map_run.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "run/exchange.hpp"
#include "run/map_run_sink.hpp"
#include "run/outcome.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace mpipe {
namespace {

MapOptions without_observer_elsewhere(const Communicator& comm, MapOptions options) {
  if (!comm.is_root()) options.observer.reset();
  if (!options.observer) options.observer = std::make_shared<RunObserver>();
  return options;
}

}  // namespace

MapRun::MapRun(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs, MapOptions options,
               RunControl* control)
    : comm_(comm),
      control_(control),
      pipeline_(pipeline),
      options_(without_observer_elsewhere(comm, std::move(options))),
      inputs_(inputs),
      plan_(pipeline, {inputs, options_.outputs, options_.fixed, options_.internal_shapes,
                       executor_names(pipeline, options_, comm.size())}),
      settings_(make_settings(plan_, options_, comm.size())),
      planned_shapes_(plan_.shapes()),
      stored_(plan_.outputs().size()),
      done_(plan_.outputs().size()),
      failed_(plan_.outputs().size()),
      blocked_(plan_.outputs().size()),
      blocked_by_array_(plan_.outputs().size()),
      lost_(plan_.outputs().size()),
      resolved_in_store_(plan_.outputs().size(), false),
      assumed_(plan_.outputs().size(), false),
      arrays_(plan_),
      began_(clock_.now()),
      settled_(began_) {
  if (!options_.run_folder.empty()) files_ = layout();
}

MapRun::MapRun(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs, MapOptions options,
               const Supply& supply, RunControl* control)
    : MapRun(comm, pipeline, inputs, std::move(options), control) {
  settle(supply, &MapRun::open_store);
}

void MapRun::settle(const Supply& supply, void (MapRun::*open)()) {
  machine_ = describe_machine(supply);
  const DeviceShares devices = share_devices(plan_, settings_, supply, options_.rank0);
  choose_workers(devices);
  (this->*open)();
  const bool threads = comm_.is_root() && (settings_.uses_threads() || rank0_has_thread_);
  if (store_) sink_ = std::make_unique<Sink>(*store_);
  appends_late_ = store_ && threads;
  std::vector<CalledBody> bodies;
  together(comm_, [&] { bodies = isolate_functions(); });
  runner_ = std::make_unique<BlockRunner>(
      plan_, arrays_, appends_late_ ? nullptr : sink_.get(),
      BlockRunnerOptions{.seed = options_.seed,
                         .rank = comm_.job_rank(),
                         .host = host_name(),
                         .single_thread = !threads,
                         .keep_going = options_.error_handling == "continue",
                         .retries = static_cast<int>(options_.retries),
                         .devices = devices.of_rank[static_cast<std::size_t>(comm_.rank())],
                         .alone = form_teams(supply),
                         .bodies = std::move(bodies)});
}

MapRun::~MapRun() = default;

Results MapRun::run() {
  std::vector<ElementCounts> kept;
  for (std::uint32_t k = 0; k < stored_.size(); ++k) {
    const auto count = [&](const RangeSet& elements) {
      return (is_sized({k}) ? elements.intersection(plan_.selected(plan_.output({k}).stage)) : elements)
          .count();
    };
    kept.push_back({count(stored_[k]), count(failed_[k]), 0});
  }
  options_.observer->on_start(plan_, machine_, kept);
  if (isolated_ && isolated_->forked_late())
    options_.observer->on_note(
        "isolated functions with captures, and those of a program that started MPI before mpipe::Environment "
        "was made, run in forks of the ranks themselves, which begin more slowly");
  return compute();
}

Results MapRun::compute() {
  while (wave_ < plan_.wave_count()) {
    if (comm_.is_root())
      lead();
    else
      follow();
    if (!next_comm_) break;
    leave();
    enter();
  }
  const bool stopped = outcome_.stopped();
  if (store_) store_->finish(arrays_.all(), !stopped);
  Results results = collect();
  if (folder_) folder_.reset();
  if (stopped) throw_outcome(std::move(results));
  return results;
}

std::vector<OutputId> MapRun::outputs_of_wave(std::size_t wave) const {
  std::vector<OutputId> outputs;
  for (const StageId stage : plan_.stages_of_wave(wave))
    for (const FunctionId id : plan_.stages()[stage.value].functions)
      outputs.insert(outputs.end(), plan_.function(id)->outputs.begin(), plan_.function(id)->outputs.end());
  return outputs;
}

void MapRun::prepare_wave(std::size_t wave) {
  outcome_ = {};
  lineage_ = Lineage(plan_);
  block(wave);
  together(comm_, [&] {
    for (const OutputId output : outputs_of_wave(wave))
      if (is_sized(output)) arrays_.prepare(output);
  });
  load_stored(wave);
  together(comm_, [&] { runner_->prepare_wave(wave, stored_, lost_); });
}

/// Finds what of a wave cannot be computed, after what is known to have failed.
void MapRun::block(std::size_t wave) {
  const auto is_empty = [](const RangeSet& elements) { return elements.empty(); };
  if (std::all_of(lost_.begin(), lost_.end(), is_empty)) return;
  for (const StageId stage : plan_.stages_of_wave(wave)) {
    const bool sized = is_known(plan_.external_shape(stage));
    const RangeSet selected = sized ? plan_.selected(stage) : RangeSet{};
    for (const FunctionId id : plan_.stages()[stage.value].functions) {
      Lineage::Blocked blocked = lineage_.blocked(id, lost_);
      const auto& outputs = plan_.function(id)->outputs;
      RangeSet done = stored_[outputs.front().value];
      for (const OutputId output : outputs) done = done.intersection(stored_[output.value]);
      for (RangeSet* set : {&blocked.by_value, &blocked.by_array}) {
        if (sized) *set = set->intersection(selected);
        *set = set->difference(done).difference(failed_[outputs.front().value]);
      }
      for (const OutputId output : outputs) {
        blocked_[output.value] = blocked.all();
        blocked_by_array_[output.value] = blocked.by_array;
        lost_[output.value] = failed_[output.value].united(blocked_[output.value]);
      }
    }
  }
}

void MapRun::load_stored(std::size_t wave) {
  if (!store_) return;
  for (const OutputId output : outputs_of_wave(wave))
    if (!stored_[output.value].empty() && is_sized(output))
      store_->load(output.value, stored_[output.value], *arrays_.find(output));
}

void MapRun::resolve_in_store() {
  if (!store_) return;
  for (std::size_t k = 0; k < plan_.outputs().size(); ++k) {
    const ArrayLayout& layout = plan_.outputs()[k].layout;
    if (resolved_in_store_[k] || assumed_[k] || !layout.rank_known || !is_known(layout.shape)) continue;
    store_->resolve(k, known_shape(layout.shape));
    resolved_in_store_[k] = true;
  }
}

bool MapRun::finish_wave(std::size_t wave) {
  outcome_ = agree_on_outcome(comm_, std::move(outcome_));
  take_failed();
  apply_shapes(wave);
  block(wave);
  mark_blocked(wave);
  resolve_in_store();
  commit();
  note_done(wave);
  if (outcome_.stopped()) return false;
  share(wave);
  return wave + 1 < plan_.wave_count();
}

/// What failed in this wave, which all ranks know now.
void MapRun::take_failed() {
  for (const FailedElements& failed : outcome_.failed) {
    new_failures_ += failed.elements.count();
    for (const OutputId output : plan_.function(failed.function)->outputs) {
      failed_[output.value] = failed_[output.value].united(failed.elements);
      lost_[output.value] = lost_[output.value].united(failed.elements);
    }
  }
  for (const Failure& failure : outcome_.failures) {
    if (exit_code(failure.category) != exit_code(Category::function_raised)) continue;
    ++new_failures_;
    for (const OutputId output : plan_.function(pipeline_.producer_of(failure.output))->outputs)
      failed_[output.value].insert({failure.element, failure.element + 1});
  }
  std::move(outcome_.details.begin(), outcome_.details.end(), std::back_inserter(details_));
  sort_failures(details_);
  if (details_.size() > max_failure_details) details_.resize(max_failure_details);
}

void MapRun::sort_failures(std::vector<Failure>& failures) const {
  const auto place = [&](const Failure& failure) {
    return std::pair(plan_.find_output(failure.output)->value, failure.element);
  };
  std::sort(failures.begin(), failures.end(),
            [&](const Failure& a, const Failure& b) { return place(a) < place(b); });
}

/// The file tells which elements are blocked. That is found anew by each start, so it is written once.
void MapRun::mark_blocked(std::size_t wave) {
  if (!store_) return;
  together(comm_, [&] {
    if (!comm_.is_root()) return;
    for (const OutputId output : outputs_of_wave(wave)) {
      if (!is_sized(output)) continue;
      const RangeSet news = blocked_[output.value].difference(store_->progress()[output.value].blocked);
      for (const IndexRange& range : news.ranges()) store_->mark(output.value, range, ElementStatus::blocked);
    }
  });
}

/// Shapes that were found are the same on all ranks, so what they contradict is found on all ranks alike.
void MapRun::apply_shapes(std::size_t wave) {
  try {
    for (const LateShape& late : outcome_.shapes) plan_.resolve(late.output, late.internal);
    for (const OutputId output : outputs_of_wave(wave)) {
      const ArrayLayout& layout = plan_.output(output).layout;
      if (!layout.rank_known || is_known(layout.internal_shape()) || outcome_.stopped()) continue;
      // Nobody computed an element, so nobody saw its shape. Where all failed it stays unknown, as a later
      // start may get further.
      if (!is_sized(output) ||
          !lost_[output.value].intersection(plan_.selected(plan_.output(output).stage)).empty())
        continue;
      if (element_count(known_shape(layout.external_shape())) != 0) assume_shape(output);
      Shape none;
      for (const auto& extent : layout.internal_shape()) none.push_back(extent.value_or(0));
      plan_.resolve(output, none);
    }
  } catch (const Error& error) {
    if (!outcome_.stopped()) outcome_.error = {error.category(), error.what()};
  }
  for (const OutputId output : outputs_of_wave(wave))
    if (is_sized(output)) arrays_.adopt(output);
}

/// None of the output's elements was selected, so none of those that depend on them. Another start may
/// compute some: their shapes count as empty in this one, and nothing is said to the store.
void MapRun::assume_shape(OutputId output) {
  assumed_[output.value] = true;
  for (const FunctionId id : pipeline_.topological_order()) {
    const auto& planned = plan_.function(id);
    if (!planned) continue;
    for (const PlannedArgument& argument : planned->arguments)
      if (argument.output && assumed_[argument.output->value])
        for (const OutputId dependent : planned->outputs) assumed_[dependent.value] = true;
  }
}

void MapRun::commit() {
  if (store_) store_->commit(arrays_.all());
}

void MapRun::note_done(std::size_t wave) {
  for (const OutputId output : outputs_of_wave(wave))
    if (const PartialArray* array = arrays_.find(output))
      done_[output.value] = united_elements(comm_, array->have()).united(stored_[output.value]);
}

void MapRun::share(std::size_t wave) {
  for (const OutputId output : outputs_of_wave(wave))
    if (PartialArray* array = arrays_.find(output); array && plan_.output(output).crosses_waves)
      share_with_all(comm_, *array);
}

Results MapRun::collect() {
  Results results;
  results.planned_shapes = planned_shapes_;
  results.resolved_shapes = plan_.shapes();
  results.masks = plan_.masks();
  results.ranks = comm_.size();
  for (std::uint32_t k = 0; k < plan_.outputs().size(); ++k)
    results.outputs.emplace(plan_.outputs()[k].name, result_of({k}));
  collect_failures(results);
  collect_statistics(results);
  return results;
}

/// Of the elements that this start was to compute; what else earlier ones have done is in the file.
OutputResult MapRun::result_of(OutputId id) {
  const PlannedOutput& output = plan_.output(id);
  OutputResult result;
  result.name = output.name;
  result.layout = output.layout;
  result.mapped = output.mapped;
  result.selected = is_sized(id) ? plan_.selected(output.stage) : blocked_[id.value];
  result.done = done_[id.value].intersection(result.selected);
  result.failed = failed_[id.value].intersection(result.selected).difference(result.done);
  result.blocked = blocked_[id.value].intersection(result.selected);
  result.blocked_by_array = blocked_by_array_[id.value].intersection(result.selected);
  PartialArray* array = arrays_.find(id);
  if (options_.return_results && array != nullptr && array->internal_known()) {
    gather_at_root(comm_, *array);
    if (comm_.is_root()) result.value = in_mapspec_order(*array, output.layout.external);
  }
  return result;
}

void MapRun::collect_failures(Results& results) {
  results.failures = details_;
  results.new_failures = new_failures_;
  results.lineage_ = Lineage(plan_);
  for (const PlannedOutput& output : plan_.outputs()) {
    results.names_.push_back(output.name);
    if (output.position == 0) results.failed_elements += results.outputs.at(output.name).failed.count();
  }
}

void MapRun::collect_statistics(Results& results) {
  std::vector<std::int64_t> calls;
  std::vector<double> times;
  std::vector<double> longest;
  for (std::size_t k = 0; k < runner_->costs().size(); ++k) {
    FunctionCost cost = k < earlier_costs_.size() ? earlier_costs_[k] : FunctionCost{};
    add_cost(cost, runner_->costs()[k]);
    calls.push_back(cost.calls);
    times.push_back(seconds(cost.busy));
    longest.push_back(seconds(cost.longest));
  }
  comm_.all_reduce(calls, ReduceOp::sum);
  comm_.all_reduce(times, ReduceOp::sum);
  comm_.all_reduce(longest, ReduceOp::max);
  for (std::uint32_t id = 0; id < calls.size(); ++id) {
    if (!plan_.function({id})) continue;
    const double mean = calls[id] == 0 ? 0 : times[id] / static_cast<double>(calls[id]);
    results.functions[pipeline_.function({id}).name()] = {calls[id], times[id], mean, longest[id]};
  }
  results.wall_seconds = seconds(clock_.now() - began_);
  note_time();
  if (results.wall_seconds <= 0) return;
  results.busy_workers = seconds(busy_) / seconds(worker_time_);
  results.busy_all_ranks = seconds(busy_) / seconds(rank_time_);
}

namespace {

std::string cancelled_text(const std::filesystem::path& run_folder) {
  if (run_folder.empty()) return "the run was cancelled.";
  return fmt::format("the run was cancelled. What was done before is kept in '{}': go on by resume.",
                     run_folder.string());
}

}  // namespace

void MapRun::throw_outcome(Results partial) {
  const auto results = std::make_shared<const Results>(std::move(partial));
  if (outcome_.error) {
    options_.observer->on_end("failed", outcome_.error->second);
    throw RunStopped(outcome_.error->first, outcome_.error->second, results);
  }
  if (outcome_.failures.empty() && !outcome_.too_many_failures) {
    const std::string text = cancelled_text(options_.run_folder);
    options_.observer->on_end("cancelled", text);
    throw RunStopped(Category::cancelled, text, results);
  }
  sort_failures(outcome_.failures);
  const std::string why =
      outcome_.too_many_failures && outcome_.failures.empty()
          ? fmt::format("more than {} elements failed (max_failures), so the run stopped: ",
                        options_.max_failures.value_or(0))
          : "";
  const FunctionError error =
      why.empty() ? FunctionError(outcome_.failures, results, static_cast<Index>(outcome_.failures.size()))
                  : FunctionError(details_, results, new_failures_, why);
  options_.observer->on_end("failed", error.what());
  throw error;
}

}  // namespace mpipe
