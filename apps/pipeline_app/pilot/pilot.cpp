// SPDX-License-Identifier: BSD-3-Clause
// Runs a small sweep on all ranks, and predicts the whole one from the times of its elements.
#include "pilot/pilot.hpp"

#include <mpipe/core/error.hpp>

#include "comm/api/collective.hpp"
#include "pilot/predict.hpp"
#include "pilot/sample_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace mpipe::app {
namespace {

/// Hears how long each element of each stage took.
class SampleObserver final : public RunObserver {
 public:
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint) override {
    if (completed <= 0) return;
    const bool is_first = began_.insert({block.stage.value, worker.worker}).second;
    (is_first ? first_ : later_)[block.stage.value].push_back(busy / completed);
  }

  /// The first element of each worker may have had to load or to read what others then had: it counts only where there
  /// are few others.
  std::vector<Duration> of(StageId stage) {
    constexpr std::size_t kEnough = 5;
    std::vector<Duration> times = later_[stage.value];
    if (times.size() < kEnough)
      times.insert(times.end(), first_[stage.value].begin(), first_[stage.value].end());
    return times;
  }

 private:
  std::set<std::pair<std::uint32_t, std::uint32_t>> began_;  ///< stage, worker
  std::map<std::uint32_t, std::vector<Duration>> first_;
  std::map<std::uint32_t, std::vector<Duration>> later_;
};

/// Shapes that the pilot has found are those of the whole run, as far as they lie inside of elements.
void resolve(Plan& plan, const Results& results) {
  for (std::uint32_t k = 0; k < plan.outputs().size(); ++k) {
    if (plan.output({k}).layout.internal_known()) continue;
    const auto found = results.outputs.find(plan.output({k}).name);
    if (found != results.outputs.end() && found->second.layout.internal_known())
      plan.resolve({k}, known_shape(found->second.layout.internal_shape()));
  }
}

/// How many values of an argument one call takes; nothing while that is not known.
std::optional<double> values_of(const Plan& plan, const PlannedArgument& argument) {
  const PartialShape shape = argument.output ? plan.output(*argument.output).layout.shape
                                             : partial(plan.constant(argument.constant).shape());
  double count = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis < argument.indexed_by.size() && argument.indexed_by[axis]) continue;
    if (!shape[axis]) return std::nullopt;
    count *= static_cast<double>(*shape[axis]);
  }
  return count;
}

double scale_of(const Plan& whole, const Plan& small, FunctionId id) {
  double scale = 1;
  const auto& arguments = whole.function(id)->arguments;
  for (std::size_t k = 0; k < arguments.size(); ++k) {
    const auto all = values_of(whole, arguments[k]);
    const auto some = values_of(small, small.function(id)->arguments[k]);
    if (all && some && *some > 0) scale = std::max(scale, *all / *some);
  }
  return scale;
}

/// Elements of a stage that are to be computed, and not taken from elsewhere.
std::optional<Index> elements_of(const Plan& plan, const Stage& stage,
                                 const std::vector<ReusedOutput>& reused) {
  if (!is_known(plan.external_shape(stage.id))) return std::nullopt;
  const Index all = plan.selected(stage.id).count();
  if (reused.empty()) return all;
  Index rest = 0;
  for (const FunctionId id : stage.functions)
    for (const OutputId output : plan.function(id)->outputs) {
      const auto found = std::find_if(reused.begin(), reused.end(), [&](const ReusedOutput& each) {
        return each.name == plan.output(output).name;
      });
      rest = std::max(rest, found == reused.end() ? all : all - found->elements());
    }
  return rest;
}

/// What the values of an output take in files, with a mark for each element.
double bytes_of(const Plan& plan, OutputId id, const Results& results) {
  const PlannedOutput& output = plan.output(id);
  if (!is_known(plan.external_shape(output.stage)) || !output.layout.internal_known()) return 0;
  const auto elements = static_cast<double>(plan.selected(output.stage).count());
  const auto values = static_cast<double>(element_count(known_shape(output.layout.internal_shape())));
  double each = static_cast<double>(output.layout.type->size);
  const auto found = results.outputs.find(output.name);
  if (!output.layout.type->fixed_size() && found != results.outputs.end() &&
      found->second.value.has_value()) {
    const Value& value = found->second.value;
    each = static_cast<double>(value.byte_size()) / static_cast<double>(std::max<Index>(1, value.count())) +
           sizeof(std::uint64_t);
  }
  return elements * (values * each + 1);
}

class Pilot {
 public:
  Pilot(const Pipeline& pipeline, const PilotRequest& request)
      : pipeline_(pipeline),
        request_(request),
        plan_(pipeline, {request.inputs,
                         request.options.outputs,
                         request.options.fixed,
                         request.options.internal_shapes,
                         {},
                         request.options.shard}),
        sweep_(sample_sweep(plan_, request.inputs, request.options, request.elements)) {}

  const Inputs& inputs() const { return sweep_.inputs; }
  /// As those of the run, but in memory, and an element per block.
  MapOptions options() {
    MapOptions options = request_.options;
    options.run_folder.clear();
    options.storage.clear();
    options.resume = options.overwrite = options.take_over = options.retry_failed = options.explain = false;
    options.redo.clear();
    options.reuse.clear();
    options.shard.reset();
    options.fixed = sweep_.fixed;
    options.chunksizes = {{"", ChunkSize(Index{1})}};
    options.return_results = true;  // texts tell how long they are
    options.observer = observer_;
    return options;
  }

  PilotReport report(const Results& results, int ranks) {
    Plan small(pipeline_,
               {sweep_.inputs, request_.options.outputs, sweep_.fixed, request_.options.internal_shapes});
    resolve(plan_, results);
    resolve(small, results);
    PilotReport report;
    report.seconds = results.wall_seconds;
    RunModel model;
    for (const Stage& stage : plan_.stages()) add_stage(stage, small, results, model, report);
    double bytes = 0;
    for (std::uint32_t k = 0; k < plan_.outputs().size(); ++k) bytes += bytes_of(plan_, {k}, results);
    report.file_bytes = static_cast<std::uint64_t>(bytes);
    std::set<int> all(request_.ranks.begin(), request_.ranks.end());
    all.insert(ranks);
    for (const int each : all)
      report.predictions.push_back(predict(model, worker_model(plan_, request_.options, each), each));
    note(report);
    return report;
  }

 private:
  void add_stage(const Stage& stage, const Plan& small, const Results& results, RunModel& model,
                 PilotReport& report) {
    const std::optional<Index> elements = elements_of(plan_, stage, request_.reused);
    double seconds = 0;
    double scaled = 0;
    for (const FunctionId id : stage.functions) {
      const std::string name = pipeline_.function(id).name();
      const auto found = results.functions.find(name);
      const FunctionStatistics times =
          found == results.functions.end() ? FunctionStatistics{} : found->second;
      const double scale = scale_of(plan_, small, id);
      report.functions.push_back(
          {name, times.calls, times.mean_seconds, times.max_seconds, elements.value_or(0), scale});
      seconds += times.mean_seconds;
      scaled += times.mean_seconds * scale;
      if (times.calls == 0)
        report.notes.push_back(
            fmt::format("no element of '{}' was computed, so that it is not counted", name));
    }
    if (!elements)
      report.notes.push_back(fmt::format(
          "how many elements '{}' has shows only while the run goes on, so that it is not counted",
          pipeline_.function(stage.functions.front()).name()));
    StageModel stage_model{stage.id, stage.wave, elements.value_or(0), observer_->of(stage.id)};
    const double scale = seconds > 0 ? scaled / seconds : 1;
    for (Duration& time : stage_model.times)
      time = Duration(static_cast<Duration::rep>(static_cast<double>(time.count()) * scale));
    if (stage_model.elements > 0 && !stage_model.times.empty())
      model.stages.push_back(std::move(stage_model));
  }

  void note(PilotReport& report) const {
    for (const PilotFunction& function : report.functions)
      if (function.scale > 1)
        report.notes.push_back(
            fmt::format("a call of '{}' takes {:.3g} times the values that it took here, and is counted so "
                        "many times as long",
                        function.name, function.scale));
    if (!request_.options.fixed.empty() || request_.options.shard)
      report.notes.emplace_back(
          "the elements were drawn from the whole sweep, not from the part that is selected");
    if (!request_.options.chunksizes.empty())
      report.notes.emplace_back("block sizes are those that the scheduler chooses, not those of chunksizes");
    report.notes.emplace_back("what it takes to start ranks, and to store results, is not counted");
  }

  const Pipeline& pipeline_;
  const PilotRequest& request_;
  Plan plan_;
  SampledSweep sweep_;
  std::shared_ptr<SampleObserver> observer_ = std::make_shared<SampleObserver>();
};

}  // namespace

PilotReport run_pilot(const Communicator& comm, const Pipeline& pipeline, const PilotRequest& request) {
  std::optional<Pilot> pilot;  // rank 0
  together(comm, [&] {
    if (!comm.is_root()) return;
    pilot.emplace(pipeline, request);
    // What cannot be predicted is refused before anything is computed.
    worker_model(Plan(pipeline, {request.inputs, request.options.outputs}), request.options, comm.size());
  });
  const Results results =
      pilot ? pipeline.map(comm, pilot->inputs(), pilot->options()) : pipeline.map(comm, {}, {});
  PilotReport report;
  together(comm, [&] {
    if (pilot) report = pilot->report(results, comm.size());
  });
  return report;
}

}  // namespace mpipe::app
