// SPDX-License-Identifier: BSD-3-Clause
#include "launch/launched_run.hpp"

#include <mpipe/core/clock.hpp>
#include <mpipe/core/error.hpp>

#include "launch/run_reports.hpp"
#include "run/api/one_run.hpp"
#include "run/api/settings.hpp"

#include <fmt/format.h>

namespace mpipe {

namespace {

bool fits(const Value& value, const ArrayLayout& layout) {
  return value.type().kind == layout.type->kind && partial(value.shape()) == layout.shape;
}

}  // namespace

MapOutcome outcome_of(const std::string& name, const std::function<Results()>& run) {
  MapOutcome outcome;
  outcome.name = name;
  try {
    outcome.results = std::make_shared<const Results>(run());
    outcome.state = RunState::completed;
    outcome.exit_code = outcome.results->failed_elements > 0 ? exit_code(Category::function_raised) : 0;
    return outcome;
  } catch (const FunctionError& error) {
    outcome.results = std::make_shared<const Results>(error.partial());
    outcome.error = std::make_shared<const FunctionError>(error);
  } catch (const RunStopped& error) {
    outcome.results = error.partial();
    outcome.error = std::make_shared<const Error>(error.category(), error.what());
  } catch (const Error& error) {
    if (error.category() == Category::rank_lost) throw;
    outcome.error = std::make_shared<const Error>(error);
  }
  const Category category = outcome.error->category();
  outcome.state = category == Category::cancelled ? RunState::cancelled : RunState::failed;
  outcome.exit_code = exit_code(category);
  return outcome;
}

LaunchedRun::LaunchedRun(std::shared_ptr<const RunData> data)
    : data_(std::move(data)),
      status_(std::make_shared<StatusWriter>(std::filesystem::path())),
      observers_(std::make_shared<ObserverList>()) {
  observers_->add(status_);
  if (data_->options.observer) observers_->add(data_->options.observer);
  outcome_.name = data_->name;
}

MapOptions LaunchedRun::observed_options() const {
  MapOptions options = data_->options;
  options.observer = observers_;
  return options;
}

void LaunchedRun::on_message(const LaunchMessage& message) {
  try {
    switch (message.kind) {
      case LaunchKind::started:
        return begin(to_text(message.payload));
      case LaunchKind::progress:
        return tell_progress(to_text(message.payload));
      case LaunchKind::resolved:
        return take_shapes(to_text(message.payload));
      case LaunchKind::failure:
        return observers_->on_failure(failure_from_json(Json::parse(to_text(message.payload))));
      case LaunchKind::note:
        return observers_->on_note(to_text(message.payload));
      case LaunchKind::value:
        values_[message.detail] = Value::from_wire(message.payload);
        return;
      case LaunchKind::over:
        return take_over(to_text(message.payload));
      default:
        throw Bug(fmt::format("a message of kind {} about a run", static_cast<int>(message.kind)));
    }
  } catch (const Json::exception& error) {
    throw Error(Category::rank_lost,
                fmt::format("a message about the run '{}' cannot be understood: {} (the ranks do not speak "
                            "the same language). Start the same program on all hosts.",
                            data_->name, error.what()));
  }
}

void LaunchedRun::begin(const std::string& text) {
  if (plan_) throw Bug(fmt::format("the run '{}' has started twice", data_->name));
  const RunStart start = decode_start(text);
  const MapOptions& options = data_->options;
  part_.emplace(wanted_part(data_->pipeline, data_->inputs, options));
  plan_.emplace(*part_, PlanRequest{data_->inputs, options.outputs, options.fixed, options.internal_shapes,
                                    executor_names(*part_, options, start.machine.ranks)});
  planned_shapes_ = plan_->shapes();
  apply_shapes(start.shapes, *plan_);
  observers_->on_start(*plan_, start.machine, start.kept);
}

void LaunchedRun::tell_progress(const std::string& text) {
  const TimePoint now = SteadyClock().now();
  for (const auto& [function, counts] : decode_progress(text)) {
    if (!plan_ || function.value >= part_->functions().size())
      throw Bug(fmt::format("progress of function {} of the run '{}'", function.value, data_->name));
    observers_->on_progress(function, counts, now);
  }
}

void LaunchedRun::take_shapes(const std::string& text) {
  if (!plan_) throw Bug(fmt::format("shapes of the run '{}', which did not start", data_->name));
  apply_shapes(Json::parse(text), *plan_);
  observers_->on_resolved(*plan_);
}

void LaunchedRun::take_over(const std::string& text) {
  const Json json = Json::parse(text);
  std::shared_ptr<Results> results;
  if (const Json& encoded = json.at("results"); !encoded.is_null()) {
    if (!plan_) throw Bug(fmt::format("results of the run '{}', which did not start", data_->name));
    apply_shapes(json.at("shapes"), *plan_);
    results = std::make_shared<Results>(ResultsCodec::decode(encoded, *plan_));
    results->planned_shapes = planned_shapes_;
    for (auto& [output, value] : values_) {
      if (output >= plan_->outputs().size() || !fits(value, plan_->outputs()[output].layout))
        throw Bug(fmt::format("a value that output {} of the run '{}' cannot have", output, data_->name));
      results->outputs.at(plan_->outputs()[output].name).value = std::move(value);
    }
    values_.clear();
  }
  MapOutcome outcome = decode_outcome(json, data_->name, std::move(results));
  if (outcome.completed() && !outcome.results)
    throw Bug(fmt::format("the run '{}' completed without results", data_->name));
  end(std::move(outcome));
}

void LaunchedRun::tick(TimePoint now) {
  if (plan_ && !over()) observers_->on_tick(now);
}

void LaunchedRun::end(MapOutcome outcome) {
  outcome_ = std::move(outcome);
  const std::string message = outcome_.error            ? outcome_.error->what()
                              : outcome_.exit_code != 0 ? failures_text(*outcome_.results)
                                                        : "";
  const bool led_elsewhere = plan_.has_value();
  status_->finish(outcome_.state, outcome_.exit_code, message);
  // A run that fails has told its observers itself where this rank led it.
  if (status_->started() && (led_elsewhere || outcome_.completed()))
    observers_->on_end(std::string(to_string(outcome_.state)), message);
  status_->finish(outcome_.state, outcome_.exit_code, message);
}

void LaunchedRun::drop() {
  MapOutcome outcome;
  outcome.name = data_->name;
  outcome.error = std::make_shared<const Error>(
      Category::cancelled, fmt::format("the run '{}' was cancelled before it began.", data_->name));
  outcome.state = RunState::cancelled;
  outcome.exit_code = exit_code(Category::cancelled);
  end(std::move(outcome));
}

RunStatus LaunchedRun::status() const {
  RunStatus status = status_->status();
  if (!over()) return status;
  status.state = outcome_.state;
  status.exit_code = outcome_.exit_code;
  if (outcome_.error) status.message = outcome_.error->what();
  return status;
}

}  // namespace mpipe
