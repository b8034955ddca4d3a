// SPDX-License-Identifier: BSD-3-Clause
// The waves of a map run: what all ranks do together.
#include "run/map_run.hpp"

#include <mpipe/core/error.hpp>

#include "run/agreement.hpp"
#include "run/exchange.hpp"
#include "run/map_run_sink.hpp"
#include "run/outcome.hpp"

#include <algorithm>

namespace mpipe {
namespace {

MapOptions without_observer_elsewhere(const Communicator& comm, MapOptions options) {
  if (!comm.is_root()) options.observer.reset();
  if (!options.observer) options.observer = std::make_shared<RunObserver>();
  return options;
}

}  // namespace

MapRun::MapRun(const Communicator& comm, const Pipeline& pipeline, const Inputs& inputs, MapOptions options)
    : comm_(comm),
      pipeline_(pipeline),
      options_(without_observer_elsewhere(comm, std::move(options))),
      inputs_(inputs),
      plan_(pipeline, {inputs, options_.outputs, options_.fixed, options_.internal_shapes}),
      settings_(make_settings(plan_, options_, comm.size())),
      planned_shapes_(plan_.shapes()),
      stored_(plan_.outputs().size()),
      done_(plan_.outputs().size()),
      resolved_in_store_(plan_.outputs().size(), false),
      assumed_(plan_.outputs().size(), false),
      arrays_(plan_),
      began_(clock_.now()) {
  machine_ = look_at_machine();
  choose_workers();
  open_store();
  const bool threads =
      comm_.is_root() && (settings_.executor.kind == ExecutorKind::threads || rank0_has_thread_);
  if (store_) sink_ = std::make_unique<Sink>(*store_);
  appends_late_ = store_ && threads;
  runner_ =
      std::make_unique<BlockRunner>(plan_, arrays_, appends_late_ ? nullptr : sink_.get(),
                                    BlockRunnerOptions{options_.seed, comm_.rank(), host_name(), !threads});
}

MapRun::~MapRun() = default;

Results MapRun::run() {
  std::vector<Index> kept;
  for (std::size_t k = 0; k < stored_.size(); ++k) {
    const StageId stage = plan_.outputs()[k].stage;
    const bool known = is_known(plan_.external_shape(stage));
    kept.push_back((known ? stored_[k].intersection(plan_.selected(stage)) : stored_[k]).count());
  }
  options_.observer->on_start(plan_, machine_, kept);
  if (plan_.wave_count() > 0) {
    if (comm_.is_root())
      lead();
    else
      follow();
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
  together(comm_, [&] {
    for (const OutputId output : outputs_of_wave(wave)) arrays_.prepare(output);
  });
  load_stored(wave);
  together(comm_, [&] { runner_->prepare_wave(wave, stored_); });
}

void MapRun::load_stored(std::size_t wave) {
  if (!store_) return;
  for (const OutputId output : outputs_of_wave(wave))
    if (!stored_[output.value].empty())
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
  apply_shapes(wave);
  resolve_in_store();
  commit();
  note_done(wave);
  if (outcome_.stopped()) return false;
  share(wave);
  return wave + 1 < plan_.wave_count();
}

/// Shapes that were found are the same on all ranks, so what they contradict is found on all ranks alike.
void MapRun::apply_shapes(std::size_t wave) {
  try {
    for (const LateShape& late : outcome_.shapes) plan_.resolve(late.output, late.internal);
    for (const OutputId output : outputs_of_wave(wave)) {
      const ArrayLayout& layout = plan_.output(output).layout;
      if (!layout.rank_known || is_known(layout.internal_shape()) || outcome_.stopped()) continue;
      // Nobody computed an element, so nobody saw its shape.
      if (element_count(known_shape(layout.external_shape())) != 0) assume_shape(output);
      Shape none;
      for (const auto& extent : layout.internal_shape()) none.push_back(extent.value_or(0));
      plan_.resolve(output, none);
    }
  } catch (const Error& error) {
    if (!outcome_.stopped()) outcome_.error = {error.category(), error.what()};
  }
  for (const OutputId output : outputs_of_wave(wave)) arrays_.adopt(output);
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
    done_[output.value] = united_elements(comm_, arrays_.find(output)->have()).united(stored_[output.value]);
}

void MapRun::share(std::size_t wave) {
  for (const OutputId output : outputs_of_wave(wave))
    if (plan_.output(output).crosses_waves) share_with_all(comm_, *arrays_.find(output));
}

Results MapRun::collect() {
  Results results;
  results.planned_shapes = planned_shapes_;
  results.resolved_shapes = plan_.shapes();
  results.masks = plan_.masks();
  results.ranks = comm_.size();
  for (std::size_t k = 0; k < plan_.outputs().size(); ++k) {
    const PlannedOutput& output = plan_.outputs()[k];
    PartialArray* array = arrays_.find({static_cast<std::uint32_t>(k)});
    OutputResult result{output.name, output.layout, output.mapped, {}, done_[k], {}};
    if (is_known(plan_.external_shape(output.stage))) result.selected = plan_.selected(output.stage);
    if (options_.return_results && array != nullptr && array->internal_known()) {
      gather_at_root(comm_, *array);
      if (comm_.is_root()) result.value = in_mapspec_order(*array, output.layout.external);
    }
    results.outputs.emplace(output.name, std::move(result));
  }
  collect_statistics(results);
  return results;
}

void MapRun::collect_statistics(Results& results) {
  std::vector<std::int64_t> calls;
  std::vector<double> times;
  for (const FunctionCost& cost : runner_->costs()) {
    calls.push_back(cost.calls);
    times.push_back(seconds(cost.busy));
  }
  comm_.all_reduce(calls, ReduceOp::sum);
  comm_.all_reduce(times, ReduceOp::sum);
  for (std::uint32_t id = 0; id < calls.size(); ++id)
    if (plan_.function({id})) results.functions[pipeline_.function({id}).name()] = {calls[id], times[id]};
  results.wall_seconds = seconds(clock_.now() - began_);
  if (results.wall_seconds <= 0) return;
  results.busy_workers = seconds(busy_) / (results.wall_seconds * std::max(1u, workers_));
  results.busy_all_ranks = seconds(busy_) / (results.wall_seconds * std::max<double>(comm_.size(), workers_));
}

void MapRun::throw_outcome(Results partial) {
  if (outcome_.error) {
    options_.observer->on_end("failed", outcome_.error->second);
    throw Error(outcome_.error->first, outcome_.error->second);
  }
  const auto place = [&](const Failure& failure) {
    return std::pair(plan_.find_output(failure.output)->value, failure.element);
  };
  std::sort(outcome_.failures.begin(), outcome_.failures.end(),
            [&](const Failure& a, const Failure& b) { return place(a) < place(b); });
  FunctionError error(outcome_.failures, std::make_shared<const Results>(std::move(partial)));
  options_.observer->on_end("failed", error.what());
  throw error;
}

}  // namespace mpipe
