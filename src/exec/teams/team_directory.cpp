// SPDX-License-Identifier: BSD-3-Clause
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
    teams_.splice(teams_.begin(), teams_, known->second);
    return {teams_.front().team, false, std::nullopt};
  }
  Entry entry{next_++, true, std::nullopt};
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
