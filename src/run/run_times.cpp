// SPDX-License-Identifier: BSD-3-Clause
// Sums the times of a run's ranks, workers and functions.
#include "run/run_times.hpp"

#include <algorithm>

namespace mpipe {

void RunTimes::end_of_ranks(TimePoint now, int ranks, std::uint32_t workers,
                            std::span<const FunctionCost> costs) {
  // The ranks of a run may change. Each stretch of time is therefore weighted with the workers that were
  // there in it, and the next one begins where this one ends.
  const Duration elapsed = now - std::exchange(regrouped_, now);
  worker_time_ += elapsed * std::max(1u, workers);
  rank_time_ += elapsed * std::max(static_cast<std::uint32_t>(ranks), workers);
  costs_.resize(costs.size());
  for (std::size_t k = 0; k < costs.size(); ++k) {
    costs_[k].calls += costs[k].calls;
    costs_[k].busy += costs[k].busy;
    costs_[k].longest = std::max(costs_[k].longest, costs[k].longest);
  }
}

void RunTimes::report(const Communicator& comm, const Plan& plan, Results& results) {
  std::vector<std::int64_t> calls;
  std::vector<double> times;
  std::vector<double> longest;
  for (const FunctionCost& cost : costs_) {
    calls.push_back(cost.calls);
    times.push_back(seconds(cost.busy));
    longest.push_back(seconds(cost.longest));
  }
  // All ranks have the same functions in the same order, so the numbers are joined place by place.
  comm.all_reduce(calls, ReduceOp::sum);
  comm.all_reduce(times, ReduceOp::sum);
  comm.all_reduce(longest, ReduceOp::max);
  for (std::uint32_t id = 0; id < calls.size(); ++id) {
    if (!plan.function({id})) continue;
    const double mean = calls[id] == 0 ? 0 : times[id] / static_cast<double>(calls[id]);
    results.functions[plan.pipeline().function({id}).name()] = {calls[id], times[id], mean, longest[id]};
  }
  results.wall_seconds = seconds(regrouped_ - began_);
  if (results.wall_seconds <= 0) return;
  results.busy_workers = seconds(busy_) / seconds(worker_time_);
  results.busy_all_ranks = seconds(busy_) / seconds(rank_time_);
}

}  // namespace mpipe
