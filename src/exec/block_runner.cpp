// SPDX-License-Identifier: BSD-3-Clause
// Runs the functions of a stage over the elements of a block, keeps their values, tells failures and costs.
#include <mpipe/core/error.hpp>

#include "base/api/stop_request.hpp"
#include "data/api/file_faults.hpp"
#include "exec/api/activity.hpp"
#include "exec/block_runner_parts.hpp"
#include "isolation/api/isolated_bodies.hpp"
#include "isolation/api/resource_scope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>

namespace mpipe {
namespace {

TimePoint now() { return SteadyClock().now(); }

std::string describe_argument(const ArgumentView& view, const Shape& external, Index element) {
  if (!view.slice_shape.empty())
    return fmt::format("array of {}, shape {}", view.type->name, to_string(view.slice_shape));
  const MultiIndex index = multi_index(element, external);
  Index position = view.origin;
  for (std::size_t axis = 0; axis < index.size(); ++axis) position += index[axis] * view.strides[axis];
  return describe_element(*view.type, view.value(position));
}

}  // namespace

BlockRunner::BlockRunner(const Plan& plan, RunArrays& arrays, BlockSink* sink, BlockRunnerOptions options)
    : plan_(plan),
      arrays_(arrays),
      sink_(sink),
      options_(std::move(options)),
      functions_(plan.pipeline().functions().size()),
      costs_(plan.pipeline().functions().size()),
      shape_was_known_(plan.outputs().size(), false),
      faults_before_(file_faults()) {}

BlockRunner::~BlockRunner() = default;

/// Guards the arrays, the costs and the free buffers; with a single thread it is an empty guard. Nobody may
/// hold it while calling `describes_failures`, `failure_of` or `note_failed`, which take it themselves.
std::unique_lock<std::mutex> BlockRunner::lock() const {
  return options_.single_thread ? std::unique_lock<std::mutex>() : std::unique_lock(mutex_);
}

std::unique_ptr<BlockRunner::Scratch> BlockRunner::take_scratch() {
  const auto guard = lock();
  if (free_scratch_.empty()) return std::make_unique<Scratch>();
  auto scratch = std::move(free_scratch_.back());
  free_scratch_.pop_back();
  return scratch;
}

void BlockRunner::return_scratch(std::unique_ptr<Scratch> scratch) {
  const auto guard = lock();
  free_scratch_.push_back(std::move(scratch));
}

void BlockRunner::prepare_wave(std::size_t wave, const std::vector<RangeSet>& stored,
                               const std::vector<RangeSet>& lost) {
  for (auto& function : functions_) function.reset();
  for (const StageId stage : plan_.stages_of_wave(wave)) {
    if (!is_known(plan_.external_shape(stage))) continue;
    // The arrays of the whole stage come before the first argument is prepared: arguments from the same
    // block look into arrays of other functions of this stage.
    for (const FunctionId id : plan_.stages()[stage.value].functions)
      for (const OutputId output : plan_.function(id)->outputs) {
        arrays_.prepare(output);
        shape_was_known_[output.value] = arrays_.find(output)->internal_known();
      }
    const RangeSet selected = plan_.selected(stage);
    for (const FunctionId id : plan_.stages()[stage.value].functions) {
      auto settled = settle_function(id, stored, lost);
      if (selected.difference(settled->settled).empty()) continue;
      prepare_function(*settled);
      functions_[id.value] = std::move(settled);
    }
  }
}

/// Finds out what need not, or cannot, be computed.
std::unique_ptr<BlockRunner::PreparedFunction> BlockRunner::settle_function(
    FunctionId id, const std::vector<RangeSet>& stored, const std::vector<RangeSet>& lost) const {
  auto prepared = std::make_unique<PreparedFunction>();
  prepared->planned = &*plan_.function(id);
  prepared->node = &plan_.pipeline().function(id);
  const auto& outputs = prepared->planned->outputs;
  // A call makes all outputs of an element at once. Where one of them is missing, as after a crash between
  // two writes, the element is not stored and is called again.
  if (!stored.empty()) prepared->stored = stored[outputs.front().value];
  for (const OutputId output : outputs)
    if (!stored.empty()) prepared->stored = prepared->stored.intersection(stored[output.value]);
  prepared->settled = prepared->stored;
  // A call that failed left none of its outputs, so the first output speaks for all.
  if (!lost.empty()) prepared->settled = prepared->stored.united(lost[outputs.front().value]);
  return prepared;
}

void BlockRunner::prepare_function(PreparedFunction& prepared) {
  prepared.external = known_shape(plan_.external_shape(prepared.planned->stage));
  prepared.stream = stream_of(prepared.node->name().c_str());
  prepared.resources = prepared.node->function.resources();
  // A rank has at most the devices that it was given, which may be fewer than the function asks for.
  const auto gpus = std::min(static_cast<std::size_t>(prepared.resources.gpus), options_.devices.size());
  prepared.resources.devices.assign(options_.devices.begin(),
                                    options_.devices.begin() + static_cast<std::ptrdiff_t>(gpus));
  const CalledBody* const other = called_body(prepared.planned->id);
  prepared.body = other != nullptr ? other->body.get() : &prepared.node->function.body();
  if (const Index entries = prepared.node->function.cache_entries(); entries > 0)
    prepared.cache = std::make_unique<ResultCache>(entries);
  // The arguments stay where they are from here on, as views point into them.
  prepared.arguments.resize(prepared.planned->arguments.size());
  for (std::size_t k = 0; k < prepared.arguments.size(); ++k) {
    prepare_argument(*prepared.planned, k, prepared.arguments[k]);
    prepared.views.push_back(prepared.arguments[k].view);
    prepared.per_block = prepared.per_block || prepared.arguments[k].per_block;
  }
}

const CalledBody* BlockRunner::called_body(FunctionId id) const {
  if (id.value >= options_.bodies.size() || !options_.bodies[id.value].body) return nullptr;
  return &options_.bodies[id.value];
}

bool BlockRunner::takes_whole(StageId stage) const {
  if (options_.bodies.empty()) return false;
  const auto& functions = plan_.stages()[stage.value].functions;
  return std::any_of(functions.begin(), functions.end(), [&](FunctionId id) {
    const CalledBody* const other = called_body(id);
    return other != nullptr && other->whole;
  });
}

Index BlockRunner::cheaper_together(StageId stage) const {
  Index together = 1;
  for (const FunctionId id : plan_.stages()[stage.value].functions)
    if (functions_[id.value] && called_body(id) == nullptr)
      together = std::max(together, SlicePanels::cheaper_together(functions_[id.value]->views));
  return together;
}

BlockReport BlockRunner::compute(const Block& block) {
  BlockReport report;
  report.block = block;
  report.completed = block.range.size();
  const TimePoint begin = now();
  TimePoint last = begin;
  std::vector<FailedElements> losses;  // what of the block has no value, failed or blocked
  for (const FunctionId id : plan_.stages()[block.stage.value].functions) {
    if (!functions_[id.value]) continue;
    const PreparedFunction& function = *functions_[id.value];
    // Behind an element that ends the run nothing of this block can be complete.
    const IndexRange range{block.range.begin, block.range.begin + report.completed};
    RangeSet lost = losses.empty() ? RangeSet{} : lost_arguments(function, losses);
    const Index calls = run_function(function, range, lost, report);
    // Functions behind this one must skip what failed here as well as what could not be called here.
    if (!report.failed.empty() && report.failed.back().function == id)
      lost = lost.united(report.failed.back().elements);
    if (!lost.empty()) losses.push_back({id, std::move(lost)});
    const TimePoint end = now();
    note_cost(id, calls, end - last);
    last = end;
  }
  report.busy = last - begin;
  if (sink_ != nullptr) report.journal_bytes = sink_->journal_bytes();
  return report;
}

/// A long call among short ones shows by the time of the slice that it is in.
void BlockRunner::note_cost(FunctionId id, Index calls, Duration took) {
  const auto guard = lock();
  FunctionCost& cost = costs_[id.value];
  if (calls > 0) {
    cost.longest = std::max(cost.longest, took / calls);
    if (cost.calls > 0) {
      const Duration expected = cost.busy / cost.calls * calls;
      if (took > 2 * expected) cost.longest = std::max(cost.longest, took - expected);
    }
  }
  cost.calls += calls;
  cost.busy += took;
}

/// The elements whose arguments from this block have no value, without those that are stored already.
RangeSet BlockRunner::lost_arguments(const PreparedFunction& function,
                                     const std::vector<FailedElements>& losses) const {
  RangeSet lost;
  for (const PreparedArgument& argument : function.arguments) {
    if (!argument.planned->same_block) continue;
    const FunctionId maker = plan_.output(*argument.planned->output).function;
    for (const FailedElements& loss : losses)
      if (loss.function == maker) lost = lost.united(loss.elements);
  }
  return lost.difference(function.stored);
}

void BlockRunner::append(const Block& block, BlockSink& sink) const {
  const auto guard = lock();
  for (const FunctionId id : plan_.stages()[block.stage.value].functions) {
    if (!functions_[id.value]) continue;
    for (const OutputId output : plan_.function(id)->outputs) {
      const PartialArray& array = *arrays_.find(output);
      const RangeSet fresh = array.have().intersection(block.range).difference(functions_[id.value]->stored);
      for (const IndexRange& range : fresh.ranges()) sink.append(output, range, array);
    }
  }
}

/// Returns how often the function was called.
Index BlockRunner::run_function(const PreparedFunction& function, IndexRange range, const RangeSet& lost,
                                BlockReport& report) {
  // A fresh run in which nothing has failed is the common case, and does without sets of ranges.
  if (function.settled.empty() && lost.empty())
    return range.empty() ? 0 : call_function(function, range, report);
  const RangeSet missing = RangeSet{range}.difference(function.settled).difference(lost);
  Index calls = 0;
  for (const IndexRange& part : missing.ranges()) {
    // Elements behind the one that ends the run are not begun; all in front of it are, since the report
    // promises its first `completed` elements.
    if ((report.failure || report.stopped) && report.block.range.begin + report.completed <= part.begin)
      break;
    calls += call_function(function, part, report);
  }
  return calls;
}

/// Calls the body for the whole range, and after an element that failed for the rest.
Index BlockRunner::call_function(const PreparedFunction& function, IndexRange range, BlockReport& report) {
  auto scratch = take_scratch();
  Index calls = 0;
  Index failing = range.begin - 1;
  Attempt number;
  while (!range.empty()) {
    Tried tried = attempt(function, range, number, *scratch, report);
    calls += tried.calls;
    range.begin += tried.completed;
    if (tried.stopped) {
      stop_at(function, range, report);
      break;
    }
    if (!tried.failure) {
      number = {};
      continue;
    }
    // Tries count for one element: if the range has moved since the last failure, this is another one.
    if (failing != range.begin) number = {};
    failing = range.begin;
    if (number.number <= options_.retries) {
      number = {number.number + 1, tried.failure->type, tried.failure->message};
      continue;
    }
    number = {};
    if (!options_.keep_going || ends_the_run(function, *tried.failure)) {
      report.completed = failing - report.block.range.begin;
      clear(function, {failing, range.end});
      // What another function of the stage failed at comes first in the order of outputs.
      if (!report.failure) report.failure = std::move(tried.failure);
      break;
    }
    note_failed(function, std::move(*tried.failure), report);
    clear(function, {failing, failing + 1});
    ++range.begin;
  }
  return_scratch(std::move(scratch));
  return calls;
}

/// The call for `range.begin` was told to stop. As behind an element that ends the run, nothing from there on can be
/// complete.
void BlockRunner::stop_at(const PreparedFunction& function, IndexRange range, BlockReport& report) {
  report.completed = range.begin - report.block.range.begin;
  report.stopped = !report.failure;
  clear(function, range);
}

BlockCall BlockRunner::call_of(const PreparedFunction& function, IndexRange range, Scratch& scratch,
                               const Attempt& attempt) const {
  const TimePoint stop_at{Duration(stop_at_.load(std::memory_order_relaxed))};
  return {.range = range,
          .external = &function.external,
          .arguments = scratch.bound,
          .outputs = scratch.columns,
          .seed = options_.seed,
          .stream = function.stream,
          .resources = &function.resources,
          .comm = &options_.alone,
          .place = &options_.place,
          .stop = StopToken(&stop_request().stop, stop_at),
          .attempt = &attempt};
}

BlockRunner::Tried BlockRunner::attempt(const PreparedFunction& function, IndexRange range,
                                        const Attempt& number, Scratch& scratch, BlockReport& report) {
  try {
    bind_arguments(function, range, scratch);
  } catch (const Error& error) {
    // What cannot be read, or is no value of the parameter's type, costs the elements that need it.
    // Halving finds the element in few steps. Only the first half is tried here: the caller comes back for
    // whatever was not completed.
    if (range.size() > 1)
      return attempt(function, {range.begin, range.begin + range.size() / 2}, number, scratch, report);
    return {0, 0, argument_failure(function, range.begin, error)};
  }
  bind_outputs(function, range, scratch);
  BlockCall call = call_of(function, range, scratch, number);
  ActivityNote activity(function.node->outputs.front(), function.external, range, can_be_isolated(function));
  call.at = activity.at();
  Tried tried;
  try {
    call_body(function, call, scratch, tried.calls);
    if (call.completed != range.size()) throw Bug("a function body left out elements without an error");
  } catch (...) {
    tried.failure = failure_of(function, range.begin + call.completed, scratch);
    tried.stopped = was_told_to_stop(*tried.failure, call.stop);
    if (tried.stopped) tried.failure.reset();
  }
  check_files();
  try {
    const auto guard = lock();
    // What was complete before a failure is kept now, because the caller goes on behind it.
    keep(function, {range.begin, range.begin + call.completed}, scratch, report);
  } catch (const Error& error) {
    if (!is_of_shapes(error)) throw;
    // Another block, or another output, gave the elements another shape: then the first element here is the
    // one that differs.
    call.completed = 0;
    tried.stopped = false;
    tried.failure = failure_of(function, range.begin, scratch);
  }
  tried.completed = call.completed;
  return tried;
}

void BlockRunner::call_body(const PreparedFunction& function, BlockCall& call, Scratch& scratch,
                            Index& calls) const {
  const FunctionBody& body = *function.body;
  std::optional<ResourceScope> scope;
  if (ResourceScope::changes_anything(function.resources))
    scope.emplace(function.resources,
                  options_.single_thread ? ResourceScope::Sets::process : ResourceScope::Sets::thread);
  // The cache counts by itself, as a result that is found there does not count as a call.
  if (function.cache) return function.cache->call(body, call, calls);
  try {
    // What is sent to another process is gathered for that.
    if (called_body(function.planned->id) != nullptr)
      body.call(call);
    else
      scratch.panels.call(body, call);
  } catch (...) {
    // The call that threw has cost time as well, so it counts.
    calls = call.completed + 1;
    throw;
  }
  calls = call.completed;
}

/// Whether a crash would cost its element alone if the user asked for it; a body that is called elsewhere crashes there.
bool BlockRunner::can_be_isolated(const PreparedFunction& function) const {
  return !function.node->function.wants_teams() && called_body(function.planned->id) == nullptr;
}

/// Whether a call ended as its token asked for; what says so without having been asked is a failure that tells of it.
bool was_told_to_stop(Failure& failure, const StopToken& token) {
  static const std::string kStopped = type_name(typeid(Stopped));
  if (failure.type != kStopped) return false;
  if (token.stop_requested()) return true;
  failure.message += " (though nothing had told it to)";
  return false;
}

/// Failures that are not the element's: what the job lacks, and elements that disagree about their shape, which
/// nobody declared: it would depend on the order in which they are computed which of them are wrong.
bool BlockRunner::ends_the_run(const PreparedFunction& function, const Failure& failure) const {
  if (failure.category == Category::rank_lost) return true;
  if (failure.category != Category::internal_shape_mismatch || element_count(function.external) == 1)
    return false;
  const auto& outputs = function.planned->outputs;
  return std::any_of(outputs.begin(), outputs.end(),
                     [&](OutputId output) { return !shape_was_known_[output.value]; });
}

/// Values that are zeros because a file is not whole any more must not become results. Those that were seen by a call
/// of another thread, or by an earlier one, may have been seen by this one, too.
void BlockRunner::check_files() const {
  if (file_faults() == faults_before_) return;
  throw Error(
      Category::storage_failed,
      "values that functions take as arguments cannot be read from the results file any more: somebody cut "
      "or "
      "replaced it while the run went on, or the disk has an error. What was stored before is not touched: "
      "look at the file by 'pipeline_app verify', and go on by --resume.");
}

/// A body writes elements that are single values straight into the array, and may have written some that it did not
/// complete. Those that have no value are zeros for all who look there.
void BlockRunner::clear(const PreparedFunction& function, IndexRange range) {
  for (const OutputId output : function.planned->outputs) {
    PartialArray& array = *arrays_.find(output);
    if (!array.type().fixed_size() || !array.internal_known() || !array.internal().empty()) continue;
    std::memset(array.destination(range.begin), 0,
                static_cast<std::size_t>(range.size()) * array.element_bytes());
  }
}

bool BlockRunner::describes_failures() const {
  const auto guard = lock();
  return !options_.keep_going || details_left_ > 0;
}

void BlockRunner::note_failed(const PreparedFunction& function, Failure failure, BlockReport& report) {
  if (report.failed.empty() || report.failed.back().function != function.planned->id)
    report.failed.push_back({function.planned->id, {}});
  report.failed.back().elements.insert({failure.element, failure.element + 1});
  const auto guard = lock();
  // The number of details is bounded, since a report must stay a small message even if every element fails.
  if (details_left_ == 0) return;
  --details_left_;
  report.details.push_back(std::move(failure));
}

void BlockRunner::bind_outputs(const PreparedFunction& function, IndexRange range, Scratch& scratch) {
  scratch.columns.resize(function.planned->outputs.size());
  for (std::size_t k = 0; k < scratch.columns.size(); ++k) {
    const OutputId id = function.planned->outputs[k];
    const PlannedOutput& output = plan_.output(id);
    PartialArray& array = *arrays_.find(id);
    OutputColumn& column = scratch.columns[k];
    column.clear();
    column.type = output.layout.type;
    column.name = output.name;
    column.collects_items = !output.layout.rank_known || output.layout.axes.size() > array.external().size();
    column.declared.clear();
    column.item_rank.reset();
    column.fixed = nullptr;
    if (column.collects_items) {
      if (output.layout.rank_known) {
        column.declared = output.layout.internal_shape();
        column.item_rank = column.declared.size();
      }
    } else if (column.type->fixed_size()) {
      // Scalars of a fixed size go straight to their place in the array, where they count only once
      // `keep_output` marks them. Everything else is collected in the column, and copied after the call.
      column.fixed = array.destination(range.begin);
    }
  }
  tie_columns(scratch.columns);
}

void BlockRunner::keep(const PreparedFunction& function, IndexRange range, Scratch& scratch,
                       BlockReport& report) {
  if (range.empty()) return;
  // Bodies that run in another process or inside of another body were not held to this while they returned.
  for (const OutputColumn& column : scratch.columns)
    if (column.internal) column.check_same_axes(*column.internal);
  for (std::size_t k = 0; k < scratch.columns.size(); ++k) {
    const OutputId id = function.planned->outputs[k];
    std::optional<LateShape> late;
    if (scratch.columns[k].internal && !shape_was_known_[id.value])
      late = late_shape(function, id, range.begin, *scratch.columns[k].internal, scratch);
    // It throws where other elements have another shape: then this one is no shape of the output.
    keep_output(id, range, scratch.columns[k]);
    if (late) report.late_shapes.push_back(std::move(*late));
  }
}

/// Ranks learn of each other's shapes on rank 0 alone, which has no arguments to tell of where two of them
/// differ: so the first element that shows a shape to this rank is described along with it.
LateShape BlockRunner::late_shape(const PreparedFunction& function, OutputId id, Index element,
                                  const Shape& internal, const Scratch& scratch) const {
  LateShape late{id, internal, {}};
  if (!arrays_.find(id)->internal_known()) late.shown_by = describe(function, element, scratch);
  return late;
}

void BlockRunner::keep_output(OutputId id, IndexRange range, OutputColumn& column) {
  PartialArray& array = *arrays_.find(id);
  // `set_internal` throws if another block has brought another shape, and does so before any value of this
  // one is kept.
  if (column.internal) array.set_internal(*column.internal);
  if (!array.type().fixed_size()) {
    const auto values = static_cast<std::size_t>(range.size() * array.values_per_element());
    if (column.offsets.empty()) column.offsets.push_back(0);
    // A call that failed may have pushed values of the element it failed at.
    const std::span<const std::uint64_t> offsets = std::span(column.offsets).first(values + 1);
    array.put(range, std::span(column.bytes).first(static_cast<std::size_t>(offsets.back())), offsets);
  } else {
    if (column.collects_items && !column.bytes.empty())
      std::memcpy(array.destination(range.begin), column.bytes.data(),
                  static_cast<std::size_t>(range.size()) * array.element_bytes());
    array.mark(range);
  }
  // The sink reads the values from the array, so it comes when they are all there.
  if (sink_ != nullptr) sink_->append(id, range, array);
}

/// An argument of the element cannot be had; `error`, which is being handled, says why.
Failure BlockRunner::argument_failure(const PreparedFunction& function, Index element,
                                      const Error& error) const {
  Failure failure = failure_of(function, element, Scratch{});
  failure.category = error.category();
  failure.message =
      fmt::format("an argument of '{}'{}{}: {}", failure.output, failure.index.empty() ? "" : " at ",
                  failure.index.empty() ? "" : index_to_string(failure.index), error.what());
  return failure;
}

/// Describes the exception that is being handled.
Failure BlockRunner::failure_of(const PreparedFunction& function, Index element,
                                const Scratch& scratch) const {
  const Failure thrown = failure_from_current_exception();
  Failure failure =
      describes_failures() ? describe(function, element, scratch) : describe(function, element, Scratch{});
  // The category tells the user where to look: at the function, unless the error is one of shapes, or the job lacks
  // what a call needs.
  const bool of_shape = thrown.category == Category::internal_shape_mismatch ||
                        thrown.category == Category::internal_shape_rank;
  const bool of_job = thrown.type == type_name(typeid(JobShortage));
  if (of_shape || of_job) failure.category = thrown.category;
  failure.message = thrown.message;
  failure.type = thrown.type;
  failure.subject = thrown.subject;
  return failure;
}

/// Which element it is, where, and what the function was called with.
Failure BlockRunner::describe(const PreparedFunction& function, Index element, const Scratch& scratch) const {
  Failure failure;
  failure.output = function.node->name();
  failure.element = element;
  failure.index = multi_index(element, function.external);
  failure.host = options_.host;
  failure.rank = options_.place.rank;
  for (std::size_t k = 0; k < scratch.bound.size(); ++k)
    failure.arguments += fmt::format("{}{}={}", k == 0 ? "" : ", ", function.arguments[k].planned->name,
                                     describe_argument(scratch.bound[k], function.external, element));
  return failure;
}

}  // namespace mpipe
