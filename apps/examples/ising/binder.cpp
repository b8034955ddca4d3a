// SPDX-License-Identifier: BSD-3-Clause
// Finds where the curves of the smallest and the largest lattice cross, between the temperatures of a sweep.
#include "binder.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace ising {
namespace {

void check_temperatures(std::span<const double> temperatures) {
  for (std::size_t t = 1; t < temperatures.size(); ++t)
    // The comparison is negated so that a NaN is refused as well.
    if (!(temperatures[t - 1] < temperatures[t]))
      throw std::invalid_argument("temperature " + std::to_string(t) + " (counted from 0) is " +
                                  std::to_string(temperatures[t]) + " after " +
                                  std::to_string(temperatures[t - 1]) +
                                  ", and curves have no order without it. Sort the temperatures, each once.");
}

/// The column of `binder` of the size with that index.
std::vector<double> curve_of(std::size_t size, std::span<const double> binder, std::size_t size_count) {
  std::vector<double> curve;
  for (std::size_t at = size; at < binder.size(); at += size_count) curve.push_back(binder[at]);
  return curve;
}

}  // namespace

Crossing find_crossing(std::span<const double> temperatures, std::span<const double> smaller,
                       std::span<const double> larger) {
  if (smaller.size() != temperatures.size() || larger.size() != temperatures.size())
    throw std::invalid_argument(std::to_string(temperatures.size()) + " temperatures do not fit curves of " +
                                std::to_string(smaller.size()) + " and " + std::to_string(larger.size()) +
                                " values.");
  check_temperatures(temperatures);

  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  // Both stay NaN where the curves do not cross: that is an answer, and not an error.
  Crossing best{nan, nan};
  double lead = 0;  // the integral of larger - smaller up to here
  double best_lead = -std::numeric_limits<double>::infinity();
  for (std::size_t t = 1; t < temperatures.size(); ++t) {
    const double step = temperatures[t] - temperatures[t - 1];
    const double before = larger[t - 1] - smaller[t - 1];
    const double after = larger[t] - smaller[t];
    // Below the critical temperature the cumulant of the larger lattice is the higher one. Noise makes the
    // curves cross again and again, so the crossing is taken before which the larger lattice led most, by
    // area.
    if (before > 0 && after <= 0) {
      const double part = before / (before - after);
      const double lead_here = lead + before * part * step / 2;
      if (lead_here > best_lead) {
        best_lead = lead_here;
        best = {temperatures[t - 1] + part * step, smaller[t - 1] + part * (smaller[t] - smaller[t - 1])};
      }
    }
    lead += (before + after) * step / 2;
  }
  return best;
}

Crossing binder_crossing(std::span<const double> temperatures, std::span<const std::int64_t> sizes,
                         std::span<const double> binder) {
  if (binder.size() != temperatures.size() * sizes.size())
    throw std::invalid_argument(std::to_string(binder.size()) + " cumulants do not fit " +
                                std::to_string(temperatures.size()) + " temperatures and " +
                                std::to_string(sizes.size()) + " sizes.");
  const auto [smallest, largest] = std::minmax_element(sizes.begin(), sizes.end());
  if (sizes.empty() || *smallest == *largest)
    throw std::invalid_argument(
        "the critical temperature is where the curves of different lattice sizes cross, and " +
        (sizes.empty() ? "there is no size" : "the only size is " + std::to_string(*smallest)) +
        ". Give two sizes or more.");
  const auto curve = [&](auto size) {
    return curve_of(static_cast<std::size_t>(size - sizes.begin()), binder, sizes.size());
  };
  return find_crossing(temperatures, curve(smallest), curve(largest));
}

}  // namespace ising
