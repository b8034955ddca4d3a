// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Workers that compute an element together: what each of them needs for that.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/comm.hpp>
#include <mpipe/exec/pool.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace mpipe {

/// Computes elements with others. One thread.
class TeamHandler {
 public:
  virtual ~TeamHandler() = default;

  /// Calls the function of the one element of `block` with `comm`, as all members do. Keeps nothing. Returns
  /// what it threw here; of category `drained` where it was told to stop, which is tried no more.
  virtual std::optional<Failure> try_element(const Block& block, const Comm& comm,
                                             const Attempt& attempt) = 0;
  /// The last try was the last, and all members are back from it. Where this one leads (rank 0 of the
  /// communicator) what it computed is kept, unless there is a `failure` of one of the members; the others
  /// drop what they have. The report is for rank 0, from the leader. `busy` of the report is measured by the
  /// caller.
  virtual BlockReport end_element(const Block& block, std::optional<Failure> failure) = 0;
  /// How often an element that fails is tried again: the same on all ranks.
  virtual int retries() const = 0;
};

/// The ranks of a team, from one of them. Its members do the same with it in the same order.
class Team {
 public:
  virtual ~Team() = default;
  /// For the function. Rank k is the k-th member.
  virtual const Comm& comm() const = 0;
  /// Asks whether all are content; `objection`: bytes that the others get to see, empty for none. Never
  /// waits.
  virtual void ask(std::vector<std::byte> objection) = 0;
  /// The answer once it is there: the objection of the lowest member that had one, empty when all are
  /// content.
  virtual std::optional<std::vector<std::byte>> answer() = 0;
  /// Another communicator for the function, after a call that failed and may have left messages under way.
  /// Waits for the other members, which come at once.
  virtual void renew() = 0;
};

/// Makes teams.
class TeamMaker {
 public:
  virtual ~TeamMaker() = default;
  /// Of workers of which this is one. Waits for the others, which come at once.
  virtual std::unique_ptr<Team> make(std::span<const WorkerId> members) = 0;
};

/// Teams of ranks of `comm`, of which worker i is rank i + 1.
std::unique_ptr<TeamMaker> make_team_maker(const Communicator& comm);

}  // namespace mpipe
