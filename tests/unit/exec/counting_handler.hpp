// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A clock that only tests move, and a handler that notes what it was asked to compute.
#pragma once

#include <mpipe/exec/pool.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

namespace mpipe::test {

class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(Duration(time_.load())); }
  void advance(Duration by) { time_ += by.count(); }

 private:
  std::atomic<std::int64_t> time_{0};
};

inline Failure failure_at(Index element, std::string message) {
  Failure failure;
  failure.output = "y";
  failure.element = element;
  failure.index = {element};
  failure.message = std::move(message);
  return failure;
}

/// Takes `cost` of a manual clock per element. One thread.
class CountingHandler : public BlockHandler {
 public:
  using Cost = std::function<Duration(StageId, Index)>;

  CountingHandler(ManualClock& clock, Duration cost)
      : CountingHandler(clock, [cost](StageId, Index) { return cost; }) {}
  CountingHandler(ManualClock& clock, Cost cost) : clock_(clock), cost_(std::move(cost)) {}

  BlockReport compute(const Block& block) override {
    slices.push_back(block);
    BlockReport report;
    report.block = block;
    report.journal_bytes = ++journal_bytes;
    for (Index element = block.range.begin; element < block.range.end; ++element) {
      clock_.advance(cost_(block.stage, element));
      if (element == fails_at) {
        report.failure = failure_at(element, "element " + std::to_string(element));
        return report;
      }
      ++computed[{block.stage.value, element}];
      if (loses && loses(element)) {
        if (report.failed.empty()) report.failed.push_back({{0}, {}});
        report.failed.front().elements.insert({element, element + 1});
        report.details.push_back(failure_at(element, "lost"));
      }
      ++report.completed;
    }
    if (throws_at && block.range.contains(*throws_at)) throw std::runtime_error("thrown");
    if (late_shape) report.late_shapes.push_back(*late_shape);
    return report;
  }

  std::vector<Block> slices;
  std::map<std::pair<std::uint32_t, Index>, int> computed;  ///< how often, by stage and element
  std::optional<Index> fails_at;
  std::optional<Index> throws_at;
  std::function<bool(Index)> loses;  ///< elements that fail, and after which it goes on
  std::optional<LateShape> late_shape;
  std::uint64_t journal_bytes = 0;

 private:
  ManualClock& clock_;
  Cost cost_;
};

inline Block block_of(BlockId id, Index begin, Index end, std::uint32_t stage = 0) {
  return {.id = id, .stage = {stage}, .range = {begin, end}};
}

}  // namespace mpipe::test
