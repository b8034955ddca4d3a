// SPDX-License-Identifier: BSD-3-Clause
// The turns of a worker that computes an element with others, from the message to the report.
#include "exec/teams/team_member.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace mpipe {

void TeamMember::use(TeamHandler& handler, TeamMaker& maker) {
  handler_ = &handler;
  maker_ = &maker;
}

void TeamMember::begin(const TeamMessage& message) {
  if (handler_ == nullptr) throw Bug("a team where nobody computes in teams");
  // Making a communicator waits for all members. Only because each of them makes it at this same message,
  // as rank 0 decided, does it not wait for ever.
  if (message.is_new) {
    auto team = maker_->make(message.members);
    if (!teams_.emplace(message.team, std::move(team)).second)
      throw Bug(fmt::format("team {} was made twice", message.team));
  }
  const auto known = teams_.find(message.team);
  // A team of another size means that rank 0 and this worker number teams differently; the function would
  // then talk to the wrong ranks.
  if (known == teams_.end() || known->second->comm().size() != static_cast<int>(message.members.size()))
    throw Bug(fmt::format("there is no team {} of {} here", message.team, message.members.size()));
  team_ = known->second.get();
  block_ = message.block;
  began_ = clock_.now();
  attempt_ = 0;
  number_ = {};
  asked_ = false;
}

void TeamMember::release(std::uint32_t team) {
  if (teams_.erase(team) == 0) throw Bug(fmt::format("team {} is released, and not known", team));
}

bool TeamMember::turn() {
  if (!asked_) {
    call();
    return true;
  }
  const std::optional<std::vector<std::byte>> objection = team_->answer();
  if (!objection) return false;
  go_on(*objection);
  return true;
}

/// What is thrown is told to rank 0 at once: the others may be waiting for this one in the function.
void TeamMember::call() {
  std::optional<Failure> failure;
  try {
    failure = handler_->try_element(block_, team_->comm(), number_);
  } catch (...) {
    failure = failure_here();
  }
  if (failure) tell({block_.id, attempt_, failure});
  // A member that succeeded asks, too: the answer needs the word of every member, and nobody may go on to a
  // retry or to another element before it is there.
  team_->ask(failure ? encode_failure(*failure) : std::vector<std::byte>());
  asked_ = true;
}

/// All are back, and know how it went: they do the same from here on.
void TeamMember::go_on(const std::vector<std::byte>& objection) {
  std::optional<Failure> failure;
  if (!objection.empty()) {
    failure = decode_failure(objection);
    // The communicator is replaced first, also after the last attempt: the team is used again for other
    // elements, which must not receive what the failed call has sent.
    team_->renew();
    // All ranks have the same number of retries, so the members decide alike without another message.
    if (failure->category != Category::drained &&
        attempt_ < static_cast<std::uint32_t>(handler_->retries())) {
      // Rank 0 had heard of a failure and not whether all members would return from it: now it knows.
      if (leads()) tell({block_.id, attempt_, std::nullopt});
      ++attempt_;
      number_ = {static_cast<int>(attempt_) + 1, failure->type, failure->message};
      asked_ = false;
      return;
    }
  }
  const BlockReport report = end(std::move(failure));
  if (leads()) {
    send(encode(ToRoot(DoneMessage{report})));
  }
  // Only from here on does the worker look at messages again, which may release this very team.
  team_ = nullptr;
}

BlockReport TeamMember::end(std::optional<Failure> failure) {
  BlockReport report;
  try {
    report = handler_->end_element(block_, std::move(failure));
  } catch (...) {
    report.failure = failure_here();
    report.completed = 0;
  }
  report.block = block_;
  // The time is that of all attempts, including what this member waited for the others.
  report.busy = clock_.now() - began_;
  return report;
}

/// Of the exception that is being handled.
Failure TeamMember::failure_here() const {
  Failure failure = failure_from_current_exception();
  failure.element = block_.range.begin;
  failure.rank = place_.rank;
  failure.host = place_.host;
  return failure;
}

void TeamMember::tell(const TeamNews& news) { send(encode(ToRoot(TeamNewsMessage{news}))); }

void TeamMember::send(EncodedMessage message) {
  transport_.send(message.kind, message.body(), message.take_payload());
}

}  // namespace mpipe
