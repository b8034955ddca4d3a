// SPDX-License-Identifier: BSD-3-Clause
// Tells of elements that take far longer than all before them, while nothing else happens.
#include "stall_watch.hpp"

#include <mpipe/plan/plan.hpp>

#include "table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

namespace mpipe::app {
namespace {

constexpr Duration kLeast = std::chrono::minutes(1);
constexpr Duration kLeastUnknown = std::chrono::minutes(10);
constexpr int kTimesTheLongest = 10;
constexpr std::size_t kMostShown = 3;

}  // namespace

StallWatch::StallWatch(std::string run, std::function<void(const std::string&)> say)
    : run_(std::move(run)), say_(std::move(say)) {}

void StallWatch::read(const Plan& plan) {
  stages_.clear();
  for (const mpipe::Stage& stage : plan.stages()) {
    std::vector<std::string> names;
    for (const FunctionId id : stage.functions) names.push_back(plan.pipeline().function(id).name());
    const PartialShape external = plan.external_shape(stage.id);
    stages_.push_back({fmt::format("'{}'", fmt::join(names, "', '")), names.front(),
                       is_known(external) ? std::optional(known_shape(external)) : std::nullopt});
  }
}

void StallWatch::on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) {
  if (outstanding_.empty()) quiet_since_ = now;
  outstanding_.insert_or_assign(block.id, Outstanding{worker, block, now});
}

void StallWatch::on_block_done(const BlockWorker&, const Block& block, Index, Duration busy, TimePoint now) {
  outstanding_.erase(block.id);
  quiet_since_ = now;
  longest_ = std::max(longest_, busy);
  next_ = {};
}

void StallWatch::on_tick(TimePoint now) {
  if (outstanding_.empty()) return;
  if (next_ == Duration{})
    next_ = longest_ == Duration{} ? kLeastUnknown : std::max(kLeast, kTimesTheLongest * longest_);
  if (now - quiet_since_ < next_) return;
  next_ = 2 * (now - quiet_since_);
  say_(text(now));
}

std::string StallWatch::text_of(const Outstanding& outstanding, TimePoint now) const {
  const Block& block = outstanding.block;
  const Stage& stage = stages_.at(block.stage.value);
  const bool has_index = stage.external && !stage.external->empty();
  return fmt::format(
      "rank {} has {}{}{} since {}", outstanding.worker.rank, stage.functions,
      has_index ? " at " + index_to_string(multi_index(block.range.begin, *stage.external)) : "",
      block.range.size() > 1 ? " and " + count_text(block.range.size() - 1, "more element") : "",
      duration_text(seconds(now - outstanding.since)));
}

/// The first block of each worker is the one that it computes; others wait there.
std::string StallWatch::text(TimePoint now) const {
  std::vector<std::string> held;
  std::set<std::pair<std::string, std::uint32_t>> workers;
  std::string first;
  for (const auto& [id, outstanding] : outstanding_) {
    if (!workers.emplace(outstanding.worker.executor, outstanding.worker.worker).second) continue;
    if (first.empty()) first = stages_.at(outstanding.block.stage.value).first_function;
    if (held.size() < kMostShown) held.push_back(text_of(outstanding, now));
  }
  if (workers.size() > kMostShown)
    held.push_back(fmt::format("{} more are at work", workers.size() - kMostShown));
  return fmt::format(
      "{}no block has ended for {}{}: {}. If a function hangs, end the run (what is done is kept) and go on "
      "with '--resume --isolate {}' and a time limit (resources: time), which costs that element alone.",
      run_.empty() ? "" : "the run '" + run_ + "': ", duration_text(seconds(now - quiet_since_)),
      longest_ == Duration{}
          ? ""
          : fmt::format(", and none took longer than {} before", duration_text(seconds(longest_))),
      fmt::join(held, "; "), first);
}

}  // namespace mpipe::app
