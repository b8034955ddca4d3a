// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Groups of ranks that outlive some of their ranks. There are two kinds.
///
/// The *lasting* group is what `surviving` (mpipe/comm/environment.hpp) makes: ranks that are lost are left out of its collective calls,
/// all of which go through rank 0. Nothing else of a rank that is lost can be told from it, so it is for simple things:
/// that all agree, and that rank 0 tells all.
///
/// A *meeting* is a group of those that are alive when it is made. Whatever its ranks do together ends for all of them
/// when one of them is lost: every call of it throws `Error` (rank_lost) from then on, on all ranks. They leave what they
/// did, and meet anew.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include <string>
#include <vector>

namespace mpipe {

/// A rank that died, or was cut off.
struct LostRank {
  int rank = 0;      ///< in the group that was asked
  int job_rank = 0;  ///< as messages call it
  std::string host;
  std::string why;
};

/// The group is a lasting one or a meeting.
bool survives(const Communicator& group);
/// Rank 0; costs little. How many ranks are lost, of the whole job; only grows.
std::size_t lost_count(const Communicator& group);
/// Rank 0. The ranks of this group that are lost, in the order in which that was noticed.
std::vector<LostRank> lost_ranks(const Communicator& group);

/// Collective over the ranks of a lasting group that are alive: they meet, in the order of their ranks.
Communicator meet(const Communicator& lasting);
/// Rank 0. What the ranks of a meeting do together is over: all calls throw, on all of them.
void give_up(const Communicator& meeting);
/// The meeting was given up, as far as this rank has heard.
bool is_given_up(const Communicator& meeting);

}  // namespace mpipe
