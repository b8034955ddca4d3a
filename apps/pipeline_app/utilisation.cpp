// SPDX-License-Identifier: BSD-3-Clause
// Finds the likely cause of idle workers in the numbers of calls and their times.
#include "utilisation.hpp"

#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mpipe::app {
namespace {

constexpr double kEnough = 0.7;
constexpr double kShortRun = 10;      // seconds
constexpr double kLongCall = 0.3;     // of the whole time, that one call takes
constexpr double kShortCall = 20e-6;  // seconds; handing out costs a part of this
constexpr Index kFewCallsAWorker = 2;

}  // namespace

std::string utilisation_advice(const Results& results) {
  if (results.wall_seconds < kShortRun || results.busy_workers >= kEnough || results.ranks < 2) return {};
  const auto longest = [](const auto& a, const auto& b) {
    return a.second.max_seconds < b.second.max_seconds;
  };
  const auto most = [](const auto& a, const auto& b) { return a.second.seconds < b.second.seconds; };
  const auto& functions = results.functions;
  const auto slow = std::max_element(functions.begin(), functions.end(), longest);
  const auto main = std::max_element(functions.begin(), functions.end(), most);
  if (main == functions.end() || main->second.calls == 0) return {};
  std::string cause;
  if (main->second.calls < kFewCallsAWorker * results.ranks)
    cause = fmt::format("'{}' has {} for {}: use fewer ranks, or more elements", main->first,
                        count_text(main->second.calls, "element"), count_text(results.ranks, "rank"));
  else if (slow->second.max_seconds > kLongCall * results.wall_seconds)
    cause = fmt::format(
        "one element of '{}' took {} of {}, on average they take {}: nothing can be faster than that, "
        "unless it is divided",
        slow->first, duration_text(slow->second.max_seconds), duration_text(results.wall_seconds),
        duration_text(slow->second.mean_seconds));
  else if (main->second.mean_seconds < kShortCall)
    cause = fmt::format(
        "an element of '{}' takes {}, so that handing it out, reading and storing are most of the work: use "
        "fewer ranks, automatic block sizes, or let a call do more",
        main->first, duration_text(main->second.mean_seconds));
  else
    cause = "ranks waited for each other between stages, or for the disk: '--trace FILE' shows where";
  return fmt::format("the workers were busy for {:.0f} % of the time. The likely cause: {}.",
                     100 * results.busy_workers, cause);
}

}  // namespace mpipe::app
