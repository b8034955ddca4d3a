// SPDX-License-Identifier: BSD-3-Clause
#include "run/team_watch.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

namespace mpipe {

/// News of several ranks come in any order: also of tries that all have come back from meanwhile.
void TeamWatch::on_news(TeamNews& news, TimePoint now) {
  Watched& team = teams_[news.block];
  if (!news.failure) {
    team.back_from = std::max(team.back_from, news.attempt + 1);
    team.failures.erase(team.failures.begin(), team.failures.lower_bound(team.back_from));
    if (!team.failures.empty()) team.since = now;
    return;
  }
  if (news.attempt < team.back_from) return;
  if (team.failures.empty()) team.since = now;
  const auto [known, inserted] = team.failures.try_emplace(news.attempt, *news.failure);
  if (!inserted && news.failure->rank < known->second.rank) known->second = std::move(*news.failure);
}

void TeamWatch::check(TimePoint now) const {
  for (const auto& [block, team] : teams_) {
    if (team.failures.empty() || now - team.since < grace_) continue;
    const Failure& failure = team.failures.begin()->second;
    throw Error(
        Category::rank_lost,
        fmt::format(
            "function '{}' failed at {}{} on rank {}, {}: {} ({}; called with {}), and other ranks of that "
            "call did not come back within {:.1f} s (they wait in the function for the one that threw, so "
            "the job cannot go on). Let all ranks of the call throw, or none; the time is "
            "MPIPE_TEAM_GRACE.",
            failure.output, failure.output, failure.index.empty() ? "" : index_to_string(failure.index),
            failure.rank, failure.host, failure.message, failure.type,
            failure.arguments.empty() ? "nothing" : failure.arguments, seconds(grace_)));
  }
}

}  // namespace mpipe
