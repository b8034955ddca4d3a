// SPDX-License-Identifier: BSD-3-Clause
// Follows a run that this rank or another one leads, and tells observers of it.
#include "launch/launched_run.hpp"

#include <mpipe/core/clock.hpp>
#include <mpipe/core/error.hpp>

#include "base/api/failure_bytes.hpp"
#include "launch/run_reports.hpp"
#include "run/api/execute_request.hpp"
#include "run/api/run_bytes.hpp"
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
    // The order matters, because the more special types come first: both of them carry the results that were
    // computed before, which a plain `Error` does not.
    outcome.results = std::make_shared<const Results>(error.partial());
    outcome.error = std::make_shared<const FunctionError>(error);
  } catch (const RunStopped& error) {
    outcome.results = error.partial();
    outcome.error = std::make_shared<const Error>(error);
  } catch (const Error& error) {
    // Without all of its ranks no other run can go on either, so this is not the outcome of one run.
    if (error.category() == Category::rank_lost) throw;
    outcome.error = std::make_shared<const Error>(error);
  }
  const Category category = outcome.error->category();
  outcome.state = end_state(category);
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
  if (message.kind == LaunchKind::note)
    return tell([&](RunObserver& observer) { observer.on_note(to_text(message.payload)); });
  if (message.kind == LaunchKind::value) {
    // Values come before the message that ends the run. They are kept until then, as only the results say
    // which of them fit.
    course().values[message.detail] = Value::from_wire(message.payload);
    return;
  }
  ByteReader in(message.payload, "a message about a run");
  read(message.kind, in);
  in.expect_end();
}

void LaunchedRun::read(LaunchKind kind, ByteReader& in) {
  switch (kind) {
    case LaunchKind::started:
      return begin(in);
    case LaunchKind::blocks:
      return tell_blocks(in);
    case LaunchKind::progress:
      return tell_progress(in);
    case LaunchKind::resolved:
      get_shapes(in, course().plan);
      return tell([&](RunObserver& observer) { observer.on_resolved(course().plan); });
    case LaunchKind::failure: {
      const Failure failure = get_failure(in);
      return tell([&](RunObserver& observer) { observer.on_failure(failure); });
    }
    case LaunchKind::over:
      return take_over(in);
    default:
      throw Bug(fmt::format("a message of kind {} about a run", static_cast<int>(kind)));
  }
}

LaunchedRun::Course::Course(const RunData& data, int ranks)
    : part(wanted_part(data.pipeline, data.inputs, data.options)),
      plan(part, {data.inputs, data.options.outputs, data.options.fixed, data.options.internal_shapes,
                  executor_names(part, data.options, ranks), data.options.shard}),
      planned_shapes(plan.shapes()) {}

LaunchedRun::Course& LaunchedRun::course() const {
  if (!course_) throw Bug(fmt::format("news of the run '{}', which did not start", data_->name));
  return *course_;
}

/// Observers are code of the caller: what they throw ends their run, and no other one.
void LaunchedRun::tell(const std::function<void(RunObserver&)>& call) {
  if (observer_error_) return;
  try {
    guard_user_code(fmt::format("the observer of the run '{}'", data_->name), [&] { call(*observers_); });
  } catch (const Error& error) {
    observer_error_ = std::make_shared<const Error>(error);
  }
}

/// Plans the run here a second time, as its leader did: a plan is not sent, as it follows from the request
/// and the number of ranks. Only the shapes that an earlier start found are new, and they come with the
/// message.
void LaunchedRun::begin(ByteReader& in) {
  if (course_) throw Bug(fmt::format("the run '{}' has started twice", data_->name));
  const RunStart start = get_start(in);
  course_ = std::make_unique<Course>(*data_, start.machine.ranks);
  get_shapes(in, course_->plan);
  tell([&](RunObserver& observer) { observer.on_start(course_->plan, start.machine, start.kept); });
}

void LaunchedRun::tell_progress(ByteReader& in) {
  const TimePoint now = SteadyClock().now();
  const std::size_t functions = course().plan.pipeline().functions().size();
  for (const FunctionProgress& each : get_progress(in)) {
    if (each.function.value >= functions)
      throw Bug(fmt::format("progress of function {} of the run '{}'", each.function.value, data_->name));
    tell([&](RunObserver& observer) { observer.on_progress(each.function, each.counts, now); });
  }
}

void LaunchedRun::tell_blocks(ByteReader& in) {
  // Times of events are turned into those of this rank's clock by their age, because clocks of different
  // ranks are not compared.
  const TimePoint now = SteadyClock().now();
  const BlockEvents blocks = get_block_events(in);
  course().blocks_left_out += blocks.left_out;
  for (const BlockEvent& event : blocks.events) {
    if (event.block.stage.value >= course().plan.stages().size())
      throw Bug(fmt::format("a block of stage {} of the run '{}'", event.block.stage.value, data_->name));
    const TimePoint at = now - event.age;
    tell([&](RunObserver& observer) {
      if (event.done)
        observer.on_block_done(event.worker, event.block, event.completed, event.busy, at);
      else
        observer.on_block_assigned(event.worker, event.block, at);
    });
  }
}

void LaunchedRun::take_over(ByteReader& in) {
  std::shared_ptr<Results> results;
  if (in.get<bool>()) {
    Plan& plan = course().plan;
    get_shapes(in, plan);
    results = std::make_shared<Results>(get_results(in, plan));
    results->planned_shapes = course_->planned_shapes;
    for (auto& [output, value] : course_->values) {
      if (output >= plan.outputs().size() || !fits(value, plan.outputs()[output].layout))
        throw Bug(fmt::format("a value that output {} of the run '{}' cannot have", output, data_->name));
      results->outputs.at(plan.outputs()[output].name).value = std::move(value);
    }
  }
  // The results are complete before the outcome takes them: an error of a function holds them, too.
  MapOutcome outcome = get_outcome(in, data_->name, std::move(results));
  in.expect_end();
  if (outcome.completed() && !outcome.results)
    throw Bug(fmt::format("the run '{}' completed without results", data_->name));
  if (course_ && course_->blocks_left_out > 0)
    tell([&](RunObserver& observer) {
      observer.on_note(fmt::format("{} events of blocks were too many to be told from the ranks of this run",
                                   course_->blocks_left_out));
    });
  end(std::move(outcome));
}

void LaunchedRun::tick(TimePoint now) {
  if (course_) tell([&](RunObserver& observer) { observer.on_tick(now); });
}

void LaunchedRun::end(MapOutcome outcome) {
  outcome_ = std::move(outcome);
  const auto message = [&]() -> std::string {
    if (outcome_.error) return outcome_.error->what();
    return outcome_.exit_code != 0 ? failures_text(*outcome_.results) : "";
  };
  // The status says first how the run itself ended, so that an observer which reads it from `on_end` sees the
  // end. It is written again below: the status itself is told of the end without the exit code, and an
  // observer that throws turns the outcome into a failure.
  status_->finish(outcome_.state, outcome_.exit_code, message());
  // A run that fails has told its observers itself where this rank led it.
  const bool led_elsewhere = course_ != nullptr;
  if (status_->started() && (led_elsewhere || outcome_.completed()))
    tell([&](RunObserver& observer) { observer.on_end(std::string(to_string(outcome_.state)), message()); });
  if (observer_error_) {
    outcome_.error = observer_error_;
    outcome_.state = RunState::failed;
    outcome_.exit_code = exit_code(observer_error_->category());
  }
  status_->finish(outcome_.state, outcome_.exit_code, message());
  course_.reset();
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

/// A run that was dropped never started its status, so what the outcome says is put over it.
RunStatus LaunchedRun::status() const {
  RunStatus status = status_->status();
  if (!over()) return status;
  status.state = outcome_.state;
  status.exit_code = outcome_.exit_code;
  if (outcome_.error) status.message = outcome_.error->what();
  return status;
}

}  // namespace mpipe
