// SPDX-License-Identifier: BSD-3-Clause
// Puts what is to be told about a run into bytes, and reads it on rank 0 of the launch.
#include "launch/run_reports.hpp"

#include "base/api/failure_bytes.hpp"
#include "plan/api/lineage.hpp"
#include "run/api/run_bytes.hpp"

namespace mpipe {
namespace {

constexpr Duration kPeriod = std::chrono::milliseconds(100);

void put_counts(ByteWriter& out, const ElementCounts& counts) {
  for (const Index count : {counts.done, counts.failed, counts.blocked}) out.put(count);
}

ElementCounts get_counts(ByteReader& in) {
  ElementCounts counts;
  for (Index* count : {&counts.done, &counts.failed, &counts.blocked}) *count = in.get_index();
  return counts;
}

/// A list of things that are put one by one.
template <class T, class Put>
void put_each(ByteWriter& out, const std::vector<T>& items, Put&& put) {
  out.put(static_cast<std::uint64_t>(items.size()));
  for (const T& item : items) put(item);
}

/// The inverse. The reader runs out of bytes before a count that is too large does harm.
template <class Get>
auto get_each(ByteReader& in, Get&& get) {
  std::vector<decltype(get())> items;
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) items.push_back(get());
  return items;
}

void put_event(ByteWriter& out, const BlockEvent& event) {
  out.put_text(event.worker.executor);
  out.put(event.worker.worker);
  out.put(event.worker.rank);
  out.put(event.block.id);
  out.put(event.block.stage.value);
  out.put(event.block.range.begin);
  out.put(event.block.range.end);
  out.put(event.done);
  out.put(event.completed);
  out.put(event.busy.count());
  out.put(event.age.count());
}

BlockEvent get_event(ByteReader& in) {
  BlockEvent event;
  event.worker.executor = in.get_text();
  event.worker.worker = in.get<std::uint32_t>();
  event.worker.rank = in.get<int>();
  event.block.id = in.get<BlockId>();
  event.block.stage = {in.get<std::uint32_t>()};
  event.block.range = in.get_range();
  event.done = in.get<bool>();
  event.completed = in.get_index();
  event.busy = Duration(in.get<Duration::rep>());
  event.age = Duration(in.get<Duration::rep>());
  return event;
}

Failure failure_of(const Error& error) {
  Failure failure;
  failure.category = error.category();
  failure.message = error.what();
  failure.subject = error.subject();
  if (error.place()) {
    failure.rank = error.place()->rank;
    failure.host = error.place()->host;
  }
  return failure;
}

/// A state that cannot be that of a run which is over comes from damaged bytes, and is refused here rather
/// than shown to a user.
RunState get_end_state(ByteReader& in) {
  const auto state = in.get_enum(RunState::stale);
  if (state == RunState::pending || state == RunState::running || state == RunState::stale)
    in.fail("the state of a run that has not ended");
  return state;
}

}  // namespace

void put_start(ByteWriter& out, const RunStart& start) {
  out.put(start.machine.ranks);
  put_each(out, start.machine.hosts, [&](const std::string& host) { out.put_text(host); });
  out.put(start.machine.cores);
  out.put(start.machine.oversubscribed);
  out.put(start.machine.bound);
  out.put_text(start.machine.executor);
  out.put_text(start.machine.rank0);
  put_each(out, start.kept, [&](const ElementCounts& counts) { put_counts(out, counts); });
}

RunStart get_start(ByteReader& in) {
  RunStart start;
  start.machine.ranks = in.get<int>();
  start.machine.hosts = get_each(in, [&] { return in.get_text(); });
  start.machine.cores = in.get<int>();
  start.machine.oversubscribed = in.get<bool>();
  start.machine.bound = in.get<bool>();
  start.machine.executor = in.get_text();
  start.machine.rank0 = in.get_text();
  start.kept = get_each(in, [&] { return get_counts(in); });
  return start;
}

std::vector<FunctionProgress> get_progress(ByteReader& in) {
  return get_each(in, [&] {
    const FunctionId function{in.get<std::uint32_t>()};
    return FunctionProgress{function, get_counts(in)};
  });
}

BlockEvents get_block_events(ByteReader& in) {
  BlockEvents events;
  events.events = get_each(in, [&] { return get_event(in); });
  events.left_out = in.get<std::uint64_t>();
  return events;
}

/// Sets are written per output in the order of the names, which is that of the plan; the reader goes through
/// its own plan in the same order and needs no names.
void put_results(ByteWriter& out, const Results& results) {
  for (const std::string& name : results.names) {
    const OutputResult& output = results.outputs.at(name);
    for (const RangeSet* set :
         {&output.selected, &output.done, &output.failed, &output.blocked, &output.blocked_by_array})
      out.put_ranges(*set);
  }
  out.put(static_cast<std::uint64_t>(results.functions.size()));
  for (const auto& [name, statistics] : results.functions) {
    out.put_text(name);
    out.put(statistics.calls);
    for (const double number : {statistics.seconds, statistics.mean_seconds, statistics.max_seconds})
      out.put(number);
  }
  put_failures(out, results.failures);
  out.put(results.failed_elements);
  out.put(results.new_failures);
  out.put(results.ranks);
  for (const double number : {results.wall_seconds, results.busy_workers, results.busy_all_ranks})
    out.put(number);
}

Results get_results(ByteReader& in, const Plan& plan) {
  Results results;
  for (const PlannedOutput& planned : plan.outputs()) {
    results.names.push_back(planned.name);
    OutputResult& output = results.outputs[planned.name];
    output.name = planned.name;
    output.layout = planned.layout;
    output.mapped = planned.mapped;
    output.selected = in.get_ranges();
    output.set_states(ElementStates::get(in));
  }
  for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
    FunctionStatistics& statistics = results.functions[in.get_text()];
    statistics.calls = in.get_index();
    for (double* number : {&statistics.seconds, &statistics.mean_seconds, &statistics.max_seconds})
      *number = in.get<double>();
  }
  results.resolved_shapes = plan.shapes();
  results.masks = plan.masks();
  results.lineage = std::make_shared<const Lineage>(plan);
  results.failures = get_failures(in);
  results.failed_elements = in.get_index();
  results.new_failures = in.get_index();
  results.ranks = in.get<int>();
  for (double* number : {&results.wall_seconds, &results.busy_workers, &results.busy_all_ranks})
    *number = in.get<double>();
  return results;
}

void put_outcome(ByteWriter& out, const MapOutcome& outcome, bool with_failures) {
  out.put(outcome.state);
  out.put(outcome.exit_code);
  if (outcome.completed()) return;
  const Error& error = *outcome.error;
  put_failure(out, failure_of(error));
  const auto* of_function = with_failures ? dynamic_cast<const FunctionError*>(&error) : nullptr;
  put_failures(out, of_function == nullptr ? std::vector<Failure>{} : of_function->failures());
}

MapOutcome get_outcome(ByteReader& in, const std::string& name, std::shared_ptr<const Results> results) {
  MapOutcome outcome;
  outcome.name = name;
  outcome.state = get_end_state(in);
  outcome.exit_code = in.get<int>();
  outcome.results = std::move(results);
  if (outcome.completed()) return outcome;
  const Failure error = get_failure(in);
  std::vector<Failure> failures = get_failures(in);
  if (failures.empty() || !outcome.results)
    outcome.error = std::make_shared<const Error>(error_of(error));
  else
    outcome.error =
        std::make_shared<const FunctionError>(error.message, std::move(failures), outcome.results);
  return outcome;
}

void RunReporter::send(LaunchKind kind, const std::function<void(ByteWriter&)>& put) {
  ByteWriter out;
  put(out);
  link_.send({kind, run_, 0, std::move(out.bytes())});
}

void RunReporter::on_start(const Plan& plan, const MachineInfo& machine,
                           const std::vector<ElementCounts>& kept) {
  news_.resize(plan.pipeline().functions().size());
  ByteWriter shapes;
  put_shapes(shapes, plan);
  shapes_ = std::move(shapes.bytes());
  send(LaunchKind::started, [&](ByteWriter& out) {
    put_start(out, {machine, kept});
    out.append(shapes_);
  });
}

void RunReporter::on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) {
  ElementCounts& news = news_[function.value];
  news.done += counts.done;
  news.failed += counts.failed;
  news.blocked += counts.blocked;
  any_news_ = true;
  on_tick(now);
}

void RunReporter::on_note(const std::string& text) {
  link_.send({LaunchKind::note, run_, 0, to_bytes(text)});
}

/// Called before every wave but the first, mostly without news. Shapes that did not change are not sent
/// again.
void RunReporter::on_resolved(const Plan& plan) {
  ByteWriter shapes;
  put_shapes(shapes, plan);
  if (shapes.bytes() == shapes_) return;
  shapes_ = std::move(shapes.bytes());
  link_.send({LaunchKind::resolved, run_, 0, shapes_});
}

/// A failure is sent at once and does not wait for the period: it is what a user wants to hear of first.
void RunReporter::on_failure(const Failure& failure) {
  send(LaunchKind::failure, [&](ByteWriter& out) { put_failure(out, failure); });
}

void RunReporter::on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) {
  keep({worker, block}, now);
}

void RunReporter::on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                                TimePoint now) {
  keep({worker, block, true, completed, busy}, now);
}

/// Events beyond the limit are counted instead of kept. The count is told, so that nobody takes the list for
/// complete.
void RunReporter::keep(BlockEvent event, TimePoint now) {
  if (blocks_.size() < kMostBlockEvents)
    blocks_.push_back({std::move(event), now});
  else
    ++blocks_left_out_;
  any_news_ = true;
  on_tick(now);
}

void RunReporter::on_tick(TimePoint now) {
  if (any_news_ && now - told_ >= kPeriod) flush(now);
}

void RunReporter::flush(TimePoint now) {
  told_ = now;
  if (!std::exchange(any_news_, false)) return;
  // Blocks first: whoever hears of progress has heard of the block that it comes from.
  if (!blocks_.empty())
    send(LaunchKind::blocks, [&](ByteWriter& out) {
      put_each(out, blocks_, [&](const TimedEvent& timed) {
        BlockEvent event = timed.event;
        event.age = now - timed.at;
        put_event(out, event);
      });
      out.put(std::exchange(blocks_left_out_, 0));
    });
  blocks_.clear();
  std::vector<FunctionProgress> progress;
  for (std::uint32_t k = 0; k < news_.size(); ++k) {
    const ElementCounts counts = std::exchange(news_[k], {});
    if (counts.done + counts.failed + counts.blocked != 0) progress.push_back({{k}, counts});
  }
  if (progress.empty()) return;
  send(LaunchKind::progress, [&](ByteWriter& out) {
    put_each(out, progress, [&](const FunctionProgress& each) {
      out.put(each.function.value);
      put_counts(out, each.counts);
    });
  });
}

void RunReporter::send_over(const MapOutcome& outcome) {
  // The rest of the news goes first, then values, and the end last: rank 0 gives the subgroup its next run as
  // soon as it has read the end.
  flush(blocks_.empty() ? told_ : blocks_.back().at);
  std::vector<ArrayLayout> layouts;
  for (std::uint32_t k = 0; outcome.results && k < outcome.results->names.size(); ++k) {
    const OutputResult& output = outcome.results->at(outcome.results->names[k]);
    layouts.push_back(output.layout);
    if (output.value.has_value()) link_.send({LaunchKind::value, run_, k, output.value.to_wire()});
  }
  send(LaunchKind::over, [&](ByteWriter& out) {
    out.put(outcome.results != nullptr);
    if (outcome.results) {
      put_shapes(out, layouts);
      put_results(out, *outcome.results);
    }
    put_outcome(out, outcome, true);
  });
}

}  // namespace mpipe
