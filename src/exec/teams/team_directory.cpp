// SPDX-License-Identifier: BSD-3-Clause
// Rank 0's list of the teams that have a communicator, and of those that must give theirs up.
#include "exec/api/team_directory.hpp"

#include <algorithm>

namespace mpipe {

namespace {

/// MPI libraries have tens of thousands of communicators at most, and each costs some memory on its ranks.
constexpr std::size_t least_capacity = 64;

}  // namespace

TeamDirectory::TeamDirectory(std::uint32_t workers)
    : capacity_(std::max<std::size_t>(least_capacity, workers)) {}

TeamDirectory::Entry TeamDirectory::find(const std::vector<WorkerId>& members) {
  if (const auto known = by_members_.find(members); known != by_members_.end()) {
    // Splicing changes the order of use and nothing else: the iterators in `by_members_` stay valid.
    teams_.splice(teams_.begin(), teams_, known->second);
    return {teams_.front().team, false, std::nullopt};
  }
  Entry entry{next_++, true, std::nullopt};
  // The team that goes may even be at work: its members look at no message before they are done with the
  // element, and give the team up then.
  if (teams_.size() == capacity_) {
    by_members_.erase(teams_.back().members);
    entry.released = std::move(teams_.back());
    teams_.pop_back();
  }
  teams_.push_front({entry.team, members});
  by_members_.emplace(members, teams_.begin());
  return entry;
}

}  // namespace mpipe
