// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A worker in its teams.
#pragma once

#include <mpipe/core/clock.hpp>

#include "comm/api/transport.hpp"
#include "exec/api/messages.hpp"
#include "exec/api/team.hpp"

#include <map>

namespace mpipe {

/// Keeps the teams of a worker, and computes elements with them: turn by turn, as the others take their time.
/// Everything given must outlive it.
class TeamMember {
 public:
  TeamMember(WorkerTransport& transport, const Clock& clock, ProcessPlace place)
      : transport_(transport), clock_(clock), place_(std::move(place)) {}

  /// Until this is called, a message about teams is a `Bug`.
  void use(TeamHandler& handler, TeamMaker& maker);

  /// Precondition: not active.
  void begin(const TeamMessage& message);
  void release(std::uint32_t team);
  /// An element is being computed. No other message is to be dealt with meanwhile.
  bool active() const { return team_ != nullptr; }
  /// Calls the function, or looks whether the others are back from it. Returns whether there was something to
  /// do. Precondition: active.
  bool turn();

 private:
  void call();
  void go_on(const std::vector<std::byte>& objection);
  bool leads() const { return team_->comm().rank() == 0; }
  Failure failure_here() const;
  BlockReport end(std::optional<Failure> failure);
  void tell(const TeamNews& news);
  void send(EncodedMessage message);

  WorkerTransport& transport_;
  const Clock& clock_;
  ProcessPlace place_;
  TeamHandler* handler_ = nullptr;
  TeamMaker* maker_ = nullptr;
  std::map<std::uint32_t, std::unique_ptr<Team>> teams_;  ///< ascending: all ranks give them up in one order
  // Of the element at hand
  Team* team_ = nullptr;
  Block block_;
  TimePoint began_;
  std::uint32_t attempt_ = 0;
  Attempt number_;  ///< the same for the function
  bool asked_ = false;
};

}  // namespace mpipe
