// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `TeamTimeout`: how long the members of a team may stay away after one of them threw.
#pragma once

#include <mpipe/core/clock.hpp>
#include <mpipe/exec/pool.hpp>
#include <mpipe/run/map.hpp>

#include <map>

namespace mpipe {

/// When a function throws on one rank of a team, the others may wait for that rank in the function for ever.
/// They get some time to come back. One thread.
class TeamTimeout {
 public:
  explicit TeamTimeout(Duration grace) : grace_(grace) {}

  void on_news(TeamNews& news, TimePoint now);
  /// The block is done, or was given up: all members are back.
  void on_over(BlockId block) { teams_.erase(block); }
  /// Throws `Error` (rank_lost) that says what was thrown where, when a team's time is over.
  void check(TimePoint now) const;

 private:
  struct Watched {
    std::uint32_t back_from = 0;                ///< tries before this one are over
    std::map<std::uint32_t, Failure> failures;  ///< by try: of the lowest rank
    TimePoint since;                            ///< of the first of them
  };

  Duration grace_;
  std::map<BlockId, Watched> teams_;  ///< few
};

/// How long rank 0 waits for members of a team that do not come back when another one threw: of the options,
/// else `MPIPE_TEAM_GRACE` (seconds), else 30 s. Throws `Error` (bad_option).
Duration team_grace(const MapOptions& options);

}  // namespace mpipe
