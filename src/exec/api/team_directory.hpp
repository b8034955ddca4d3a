// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which teams the workers have a communicator for.
#pragma once

#include <mpipe/core/index.hpp>

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <vector>

namespace mpipe {

/// Numbers for sets of workers, kept on rank 0: workers make a communicator where it says `is_new`, and use
/// it again until it is released. It decides for all, as members that decided by themselves would wait for
/// each other. Keeps those that were used last, at least as many as can be at work at the same time.
class TeamDirectory {
 public:
  explicit TeamDirectory(std::uint32_t workers);
  TeamDirectory(const TeamDirectory&) = delete;
  TeamDirectory& operator=(const TeamDirectory&) = delete;

  struct Team {
    std::uint32_t team = 0;
    std::vector<WorkerId> members;
  };
  struct Entry {
    std::uint32_t team = 0;
    bool is_new = false;
    std::optional<Team> released;  ///< must be told to its members before they are told of this one
  };
  Entry find(const std::vector<WorkerId>& members);
  std::size_t size() const { return teams_.size(); }

 private:
  std::size_t capacity_;
  std::list<Team> teams_;  // last used first
  std::map<std::vector<WorkerId>, std::list<Team>::iterator> by_members_;
  std::uint32_t next_ = 0;
};

}  // namespace mpipe
