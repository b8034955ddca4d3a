// SPDX-License-Identifier: BSD-3-Clause
// Collects what workers did when, and writes it for viewers of timelines.
#include "trace.hpp"

#include <mpipe/core/error.hpp>
#include <mpipe/plan/plan.hpp>

#include "base/api/file.hpp"
#include "target_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mpipe::app {
namespace {

/// By which a later trace knows an earlier one.
constexpr std::string_view kBeginning = R"({"displayTimeUnit": "ms", "traceEvents": [)";
constexpr std::size_t kMostOfEach = 20'000;  // events at the beginning, at the end, and of the sample between

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

double microseconds(Duration time) { return 1e6 * seconds(time); }

}  // namespace

Trace::Trace(std::filesystem::path file, TimePoint began) : file_(std::move(file)), began_(began) {
  // Found out now: at the end of a long run it would be too late to name another file.
  require_replaceable(file_, kBeginning, "timeline", "Name another file after --trace, or remove that one.");
  if (::access(file_.parent_path().c_str(), W_OK | X_OK) != 0) throw_file_error("write", file_, errno);
}

std::uint32_t Trace::number_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (is_new) names_.push_back(name);
  return entry->second;
}

void Trace::name_run(int run, const std::string& name) {
  const std::lock_guard lock(mutex_);
  titles_.push_back(fmt::format(R"({{"ph": "M", "name": "process_name", "pid": {}, "args": {{"name": {}}}}})",
                                run, quoted(name)));
}

void Trace::name_worker(int run, int worker, const std::string& name) {
  const std::lock_guard lock(mutex_);
  titles_.push_back(
      fmt::format(R"({{"ph": "M", "name": "thread_name", "pid": {}, "tid": {}, "args": {{"name": {}}}}})",
                  run, worker, quoted(name)));
}

/// What leaves the last ones takes its place in the sample, in which each of those between is equally likely.
void Trace::add(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (first_.size() < kMostOfEach) return first_.push_back(event);
  last_.push_back(event);
  if (last_.size() <= kMostOfEach) return;
  const Event passed = last_.front();
  last_.pop_front();
  if (++passed_ <= kMostOfEach) return sample_.push_back(passed);
  const std::uint64_t place = std::uniform_int_distribution<std::uint64_t>(0, passed_ - 1)(random_);
  if (place < sample_.size()) sample_[place] = passed;
}

std::string Trace::text_of(const Event& event) const {
  const double begin = microseconds(event.begin - began_);
  const std::string name = quoted(names_[event.name]);
  if (event.worker == 0)
    return fmt::format(R"({{"ph": "i", "s": "p", "name": {}, "pid": {}, "tid": 0, "ts": {:.1f}}})", name,
                       event.run, begin);
  return fmt::format(
      R"({{"ph": "X", "cat": "block", "name": {}, "pid": {}, "tid": {}, "ts": {:.1f}, "dur": {:.1f}, )"
      R"("args": {{"first element": {}, "elements": {}, "waited ms": {:.3f}}}}})",
      name, event.run, event.worker, begin, microseconds(event.length), event.first, event.elements,
      1e3 * seconds(event.waited));
}

void Trace::write() {
  std::string text(kBeginning);
  {
    const std::lock_guard lock(mutex_);
    std::sort(sample_.begin(), sample_.end(),
              [](const Event& a, const Event& b) { return a.begin < b.begin; });
    const char* between = "\n";
    const auto put = [&](const std::string& event) { text += std::exchange(between, ",\n") + event; };
    for (const std::string& title : titles_) put(title);
    for (const Event& event : first_) put(text_of(event));
    for (const Event& event : sample_) put(text_of(event));
    for (const Event& event : last_) put(text_of(event));
    const std::uint64_t left_out = passed_ - sample_.size();
    text += fmt::format("\n], \"otherData\": {{\"events left out\": {}}}}}\n", left_out);
  }
  write_file_atomically(file_, text, false);
}

TraceObserver::TraceObserver(std::shared_ptr<Trace> trace, int run, std::string name)
    : trace_(std::move(trace)), run_(run), name_(std::move(name)) {}

void TraceObserver::on_start(const Plan& plan, const MachineInfo&, const std::vector<ElementCounts>&) {
  now_ = SteadyClock().now();
  trace_->name_run(run_, name_.empty() ? "mpipe" : name_);
  stages_.clear();
  for (const Stage& stage : plan.stages()) {
    std::vector<std::string> names;
    for (const FunctionId id : stage.functions) names.push_back(plan.pipeline().function(id).name());
    stages_.push_back(trace_->number_of(fmt::format("{}", fmt::join(names, ", "))));
  }
}

void TraceObserver::mark(const std::string& name) {
  trace_->add({.name = trace_->number_of(name), .run = run_, .begin = now_});
}

void TraceObserver::on_note(const std::string& text) { mark(text); }

void TraceObserver::on_failure(const Failure& failure) {
  // Without the index, of which there may be a million: names are kept for good.
  mark(fmt::format("failed: {}", failure.output));
}

void TraceObserver::on_end(const std::string& state, const std::string&) {
  now_ = SteadyClock().now();
  mark(state);
}

TraceObserver::Worker& TraceObserver::worker_of(const BlockWorker& worker) {
  const auto [entry, is_new] = workers_.try_emplace({worker.executor, worker.worker});
  if (is_new) {
    entry->second.number = static_cast<int>(workers_.size());
    trace_->name_worker(run_, entry->second.number,
                        fmt::format("rank {} ({} {})", worker.rank, worker.executor, worker.worker));
  }
  return entry->second;
}

void TraceObserver::on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) {
  now_ = now;
  worker_of(worker);
  assigned_[block.id] = now;
}

/// A worker tells how long it was busy, not since when: what it did ends when rank 0 hears of it, at the latest.
void TraceObserver::on_block_done(const BlockWorker& worker, const Block& block, Index completed,
                                  Duration busy, TimePoint now) {
  now_ = now;
  if (completed == 0 && busy == Duration{}) {
    assigned_.erase(block.id);  // it was taken back
    return;
  }
  Worker& who = worker_of(worker);
  TimePoint begin = std::max(now - busy, who.free);
  const auto assigned = assigned_.find(block.id);
  Duration waited{};
  if (assigned != assigned_.end()) {
    begin = std::max(begin, assigned->second);
    waited = begin - assigned->second;
    assigned_.erase(assigned);
  }
  who.free = begin + std::min(busy, now - begin);
  trace_->add({.name = stages_.at(block.stage.value),
               .run = run_,
               .worker = who.number,
               .begin = begin,
               .length = who.free - begin,
               .first = block.range.begin,
               .elements = completed,
               .waited = waited});
}

}  // namespace mpipe::app
