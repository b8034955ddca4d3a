// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the benchmarks print: one JSON object per line, which `mpipe_bench` gathers into a table.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace mpipe::bench {

using Clock = std::chrono::steady_clock;

/// Seconds that `step` takes.
template <class Step>
double seconds_of(const Step& step) {
  const auto start = Clock::now();
  step();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Two things measured in turns, so that what else the machine does meets both alike.
struct Pair {
  double ours = 0;      ///< median, seconds
  double baseline = 0;  ///< median, seconds
  double ratio = 0;     ///< median of the ratios of neighbours
};

/// `repeats` times each, after one round that is not counted.
template <class Ours, class Baseline>
Pair measure(int repeats, const Ours& ours, const Baseline& baseline) {
  std::vector<double> a, b, ratios;
  for (int k = -1; k < repeats; ++k) {
    const double baseline_seconds = baseline();
    const double our_seconds = ours();
    if (k < 0) continue;
    a.push_back(our_seconds);
    b.push_back(baseline_seconds);
    ratios.push_back(our_seconds / baseline_seconds);
  }
  return {median(a), median(b), median(ratios)};
}

/// What the hypervisor of a virtual machine gave to others, in seconds of all cores since the start of the
/// machine; 0 where there is none. Ratios of sleeping and waiting mean little while it grows.
double stolen_seconds();

/// One row of the table. `limit`: what `value` must not exceed. Absolute figures go with it, e.g. "ours 0.31
/// s, loops 0.25 s".
void print_row(const std::string& name, double value, double limit, const std::string& unit,
               const std::string& figures);

}  // namespace mpipe::bench
