// SPDX-License-Identifier: BSD-3-Clause
// Gives up on a team whose members do not come back after one of them threw.
#include "run/team_timeout.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace mpipe {
namespace {

constexpr Duration kDefaultGrace = std::chrono::seconds(30);

}  // namespace

/// News of several ranks come in any order: also of tries that all have come back from meanwhile.
void TeamTimeout::on_news(TeamNews& news, TimePoint now) {
  Watched& team = teams_[news.block];
  if (!news.failure) {
    // News without a failure say that all members have come back from this try, and so from all tries before
    // it. The time starts anew for failures of later ones.
    team.back_from = std::max(team.back_from, news.attempt + 1);
    team.failures.erase(team.failures.begin(), team.failures.lower_bound(team.back_from));
    if (!team.failures.empty()) team.since = now;
    return;
  }
  if (news.attempt < team.back_from) return;
  if (team.failures.empty()) team.since = now;
  const auto [known, inserted] = team.failures.try_emplace(news.attempt, *news.failure);
  // Several members of a team may throw. The failure of the lowest rank is told, whichever news came first.
  if (!inserted && news.failure->rank < known->second.rank) known->second = std::move(*news.failure);
}

void TeamTimeout::check(TimePoint now) const {
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

Duration team_grace(const MapOptions& options) {
  if (options.team_grace) {
    if (*options.team_grace < Duration::zero())
      throw Error(Category::bad_option,
                  fmt::format("team_grace is {} s. Give 0 or more.", seconds(*options.team_grace)),
                  {Subject::Kind::option, "team_grace"});
    return *options.team_grace;
  }
  const char* text = std::getenv("MPIPE_TEAM_GRACE");
  if (text == nullptr) return kDefaultGrace;
  const std::string_view all(text);
  double number = 0;
  const auto parsed = std::from_chars(all.data(), all.data() + all.size(), number);
  constexpr double kMost = 1e9;
  if (parsed.ec != std::errc{} || parsed.ptr != all.data() + all.size() || !(number >= 0 && number <= kMost))
    throw Error(Category::bad_option,
                fmt::format("MPIPE_TEAM_GRACE is '{}'. Give a number of seconds, 0 or more.", all));
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(number));
}

}  // namespace mpipe
