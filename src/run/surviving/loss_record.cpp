// SPDX-License-Identifier: BSD-3-Clause
// Remembers which ranks were lost, and which elements are suspected of it.
#include "run/surviving/loss_record.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace mpipe {
namespace {

FunctionId first_function(const RunSetup& setup, StageId stage) {
  return setup.plan.stages()[stage.value].functions.front();
}

std::string place_text(const RunSetup& setup, StageId stage, Index element) {
  const Shape shape = known_shape(setup.plan.external_shape(stage));
  return shape.empty() ? "" : index_to_string(multi_index(element, shape));
}

/// `'y' [3] to [7]`
std::string block_text(const RunSetup& setup, const Block& block) {
  const std::string name = setup.function_name(first_function(setup, block.stage));
  const std::string first = place_text(setup, block.stage, block.range.begin);
  if (block.range.size() == 1) return fmt::format("'{}'{}{}", name, first.empty() ? "" : " ", first);
  return fmt::format("'{}' {} to {}", name, first, place_text(setup, block.stage, block.range.end - 1));
}

}  // namespace

bool LossRecord::knows(int job_rank) const {
  return std::find(ranks_.begin(), ranks_.end(), job_rank) != ranks_.end();
}

void LossRecord::note(const LostRank& lost, const std::string& when) {
  ranks_.push_back(lost.job_rank);
  sentences_.push_back(fmt::format("rank {} on {} was lost {} ({}), and the others went on", lost.job_rank,
                                   lost.host, when, lost.why));
  spdlog::warn("{}", sentences_.back());
}

void LossRecord::on_lost(const LostRank& lost, std::span<const Block> had, const RunSetup& setup) {
  std::vector<std::string> texts;
  Index elements = 0;
  for (const Block& block : had) {
    texts.push_back(block_text(setup, block));
    elements += block.range.size();
  }
  note(lost, had.empty() ? "while it had nothing to compute"
                         : fmt::format("while it computed {}", fmt::join(texts, " and ")));
  for (const Block& block : had) {
    const FunctionId function = first_function(setup, block.stage);
    RangeSet& suspects = suspects_[function.value];
    if (elements == 1 && suspects.contains(block.range.begin)) {
      suspects = suspects.difference(RangeSet{block.range});
      blamed_.push_back(
          {function, block.range.begin,
           fmt::format("2 ranks died while they computed it, so that nobody computes it any more (the "
                       "last was rank {} on {}: {})",
                       lost.job_rank, lost.host, lost.why),
           lost.host, lost.job_rank});
    } else {
      suspects.insert(block.range);
    }
  }
  std::erase_if(suspects_, [](const auto& entry) { return entry.second.empty(); });
}

void LossRecord::on_lost(std::span<const LostRank> lost, const std::string& when) {
  for (const LostRank& each : lost)
    if (!knows(each.job_rank)) note(each, when);
}

RangeSet LossRecord::suspects(FunctionId first) const {
  const auto found = suspects_.find(first.value);
  return found == suspects_.end() ? RangeSet{} : found->second;
}

void LossRecord::keep(std::vector<Failure> details) {
  std::move(details.begin(), details.end(), std::back_inserter(details_));
}

void LossRecord::give_back(Results& results) const {
  results.failures.insert(results.failures.begin(), details_.begin(), details_.end());
  results.new_failures += static_cast<Index>(details_.size());
}

std::string LossRecord::text() const {
  if (sentences_.empty()) return {};
  return fmt::format("{}.", fmt::join(sentences_, "; "));
}

}  // namespace mpipe
