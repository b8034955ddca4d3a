// SPDX-License-Identifier: BSD-3-Clause
// Tells of elements that take far longer than those before them.
#include "stall_watch.hpp"

#include <mpipe/plan/plan.hpp>

#include "exec/api/activity.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::app {
namespace {

constexpr Duration kLeast = std::chrono::seconds(10);
constexpr Duration kLeastUnknown = std::chrono::minutes(10);
constexpr int kTimesTheLongest = 10;

/// How long a block may take before one of its elements is slow.
Duration limit_of(Duration longest, Index elements) {
  if (longest == Duration{}) return kLeastUnknown;
  return std::max(kLeast, longest * (kTimesTheLongest + elements - 1));
}

std::string element_name(const std::string& function, const std::optional<Shape>& external, Index element) {
  if (!external || external->empty()) return function;
  return function + index_to_string(multi_index(element, *external));
}

/// The element among those of the block that a thread of this process is in, with the function's name; empty where
/// none is, or the function does not tell.
std::string element_here(const std::vector<std::string>& functions, const std::optional<Shape>& external,
                         const Block& block) {
  std::string found;
  for_each_activity([&](const Activity& activity) {
    const char* const name = activity.function;
    const Index at = activity.at >= 0 ? activity.at.load() : activity.begin.load();
    if (name == nullptr || at < block.range.begin || at >= block.range.end) return;
    const bool exact = activity.at >= 0 || activity.end - activity.begin == 1;
    if (exact && std::find(functions.begin(), functions.end(), name) != functions.end())
      found = element_name(name, external, at);
  });
  return found;
}

}  // namespace

StallWatch::StallWatch(std::string run, std::function<void(const std::string&)> say)
    : run_(std::move(run)), say_(std::move(say)) {}

void StallWatch::on_start(const Plan& plan, const MachineInfo& machine, const std::vector<ElementCounts>&) {
  const std::lock_guard lock(mutex_);
  hosts_ = machine.hosts;
  workers_.clear();  // after the loss of a rank the others begin anew
  read(plan);
}

void StallWatch::on_resolved(const Plan& plan) {
  const std::lock_guard lock(mutex_);
  read(plan);
}

void StallWatch::read(const Plan& plan) {
  stages_.resize(plan.stages().size());
  for (const mpipe::Stage& planned : plan.stages()) {
    Stage& stage = stages_[planned.id.value];
    stage.functions.clear();
    for (const FunctionId id : planned.functions)
      stage.functions.push_back(plan.pipeline().function(id).name());
    const PartialShape external = plan.external_shape(planned.id);
    stage.external = is_known(external) ? std::optional(known_shape(external)) : std::nullopt;
  }
}

void StallWatch::on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) {
  const std::lock_guard lock(mutex_);
  Worker& its = workers_[{worker.executor, worker.worker}];
  its.rank = worker.rank;
  its.blocks.insert_or_assign(block.id, Outstanding{block, now});
}

void StallWatch::on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                               TimePoint now) {
  const std::lock_guard lock(mutex_);
  Worker& its = workers_[{worker.executor, worker.worker}];
  its.blocks.erase(block.id);
  its.last_end = now;
  Stage& stage = stages_.at(block.stage.value);
  if (completed > 0) stage.longest = std::max(stage.longest, busy / completed);
}

std::vector<std::string> StallWatch::look(TimePoint now) {
  std::vector<std::string> slow;
  std::vector<std::string> news;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, worker] : workers_) {
      if (worker.blocks.empty()) continue;
      Outstanding& first = worker.blocks.begin()->second;
      const Stage& stage = stages_.at(first.block.stage.value);
      const Duration takes = now - std::max(first.assigned, worker.last_end);
      if (takes < limit_of(stage.longest, first.block.range.size())) continue;
      slow.push_back(fmt::format("{} on {} takes {}", element_text(worker, first), place_text(worker.rank),
                                 duration_text(seconds(takes))));
      if (std::exchange(first.told, true)) continue;
      news.push_back(
          fmt::format("{}{} so far{}. If it hangs, end the run (what is done is kept) and go on with "
                      "'--resume --isolate {}' "
                      "and a time limit (resources: time), which costs that element alone.",
                      run_.empty() ? "" : "the run '" + run_ + "': ", slow.back(),
                      stage.longest == Duration{} ? ""
                                                  : fmt::format(", and no element of it took longer than {}",
                                                                duration_text(seconds(stage.longest))),
                      stage.functions.front()));
    }
  }
  // Without the mutex: who is told may be slow.
  for (const std::string& text : news) say_(text);
  return slow;
}

/// The element itself where this process computes it, or where the block has no other.
std::string StallWatch::element_text(const Worker& worker, const Outstanding& first) const {
  const Stage& stage = stages_.at(first.block.stage.value);
  const IndexRange range = first.block.range;
  if (worker.rank == 0)
    if (std::string here = element_here(stage.functions, stage.external, first.block); !here.empty())
      return here;
  const std::string begin = element_name(stage.functions.front(), stage.external, range.begin);
  if (range.size() == 1) return begin;
  return fmt::format("one of {} to {}", begin,
                     element_name(stage.functions.front(), stage.external, range.end - 1));
}

/// Which of several hosts a rank is on is not known here.
std::string StallWatch::place_text(int rank) const {
  return hosts_.size() == 1 ? fmt::format("rank {} ({})", rank, hosts_.front())
                            : fmt::format("rank {}", rank);
}

}  // namespace mpipe::app
