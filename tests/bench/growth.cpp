// SPDX-License-Identifier: BSD-3-Clause
// Measures a path at 10^3, 10^4, .. things, and prints what each of them costs.
#include "bench/growth.hpp"

#include "bench/memory_use.hpp"
#include "bench/report.hpp"

#include <fmt/format.h>

#include <time.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace mpipe::bench {

double cpu_seconds_of(const std::function<void()>& action) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double begin = now();
  action();
  return now() - begin;
}

void grow(const std::string& name, Index most, const Measure& measure) {
  std::string figures;
  std::vector<double> each;
  for (Index count = 1000; count <= most; count *= 10) {
    // The peak of the memory is that of this measurement from here on.
    std::ofstream("/proc/self/clear_refs") << "5";
    const double before = memory_megabytes("status", "VmRSS");
    std::vector<double> seconds;
    for (int repeat = 0; repeat < (count <= 10'000 ? 3 : 1); ++repeat) seconds.push_back(measure(count));
    each.push_back(median(seconds) / static_cast<double>(count));
    const double peak = memory_megabytes("status", "VmHWM") - before;
    figures += fmt::format("{}{}: {:.3g} us {:.0f} B", figures.empty() ? "" : ", ", count, each.back() * 1e6,
                           std::max(0.0, peak) * 1e6 / static_cast<double>(count));
  }
  const double ratio = each.back() / each[each.size() - 2];
  print_row("growth: " + name, ratio, 2, "x per item of a tenth",
            figures + (ratio <= 2 ? ", linear" : ", not linear"));
}

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

}  // namespace mpipe::bench
