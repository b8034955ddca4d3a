// SPDX-License-Identifier: BSD-3-Clause
// Teams over MPI.
#include "comm/api/consent.hpp"
#include "exec/api/team.hpp"

#include <algorithm>
#include <deque>

namespace mpipe {

namespace {

/// So many communicators of calls that failed are kept until it is safe to say that nothing arrives there any
/// more: MPI may give their number to others.
constexpr std::size_t kept_after_failure = 8;

class CommTeam final : public Team {
 public:
  explicit CommTeam(Communicator members)
      : members_(std::move(members)),
        for_function_(members_.duplicate()),
        comm_(function_comm(for_function_)) {}

  const Comm& comm() const override { return comm_; }

  /// The question goes over `members_`, never over the function's communicator, where messages of a call
  /// that failed may still be under way.
  void ask(std::vector<std::byte> objection) override { question_.emplace(members_, std::move(objection)); }

  std::optional<std::vector<std::byte>> answer() override {
    if (!question_->poll()) return std::nullopt;
    std::vector<std::byte> objection = question_->objection();
    question_.reset();
    return objection;
  }

  void renew() override {
    // The old communicator is kept for a while instead of being freed: a message of the failed call may
    // still arrive there. All members renew at the same point, as `duplicate` waits for them all.
    left_.push_back(comm_);
    if (left_.size() > kept_after_failure) left_.pop_front();
    for_function_ = members_.duplicate();
    comm_ = function_comm(for_function_);
  }

 private:
  Communicator members_;  ///< for messages between the members of which the function knows nothing
  Communicator for_function_;
  Comm comm_;
  std::optional<Consent> question_;
  std::deque<Comm> left_;  ///< each with all that its communicator refers to
};

class CommTeamMaker final : public TeamMaker {
 public:
  explicit CommTeamMaker(const Communicator& comm) : comm_(comm) {}

  std::unique_ptr<Team> make(std::span<const WorkerId> members) override {
    std::vector<int> ranks;
    for (const WorkerId member : members) ranks.push_back(static_cast<int>(member.value) + 1);
    return std::make_unique<CommTeam>(comm_.subgroup(ranks));
  }

 private:
  Communicator comm_;
};

}  // namespace

std::unique_ptr<TeamMaker> make_team_maker(const Communicator& comm) {
  return std::make_unique<CommTeamMaker>(comm);
}

}  // namespace mpipe
