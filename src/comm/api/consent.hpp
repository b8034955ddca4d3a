// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A question to all ranks of a group that nobody stands still for.
#pragma once

#include <mpipe/comm/communicator.hpp>

#include <memory>
#include <vector>

namespace mpipe {

class ConsentState;

/// Whether any rank of a group objects to something, and the objection of the lowest one that does. One
/// thread of each rank; a group has one question at a time.
class Consent {
 public:
  /// Collective, and never waits. `objection`: bytes that mean something to the others, at most 1 MiB; empty:
  /// this rank agrees.
  Consent(const Communicator& group, std::vector<std::byte> objection);
  /// Without an answer, what MPI may still write to is left to it.
  ~Consent();
  Consent(const Consent&) = delete;
  Consent& operator=(const Consent&) = delete;

  /// True once the answer is known, which is the same on all ranks. Never waits: call it again. Throws
  /// `Error` (rank_lost) when MPI fails.
  bool poll();
  /// The objection of the lowest rank that had one; empty: all agree. Precondition: `poll` was true.
  const std::vector<std::byte>& objection() const;

 private:
  std::unique_ptr<ConsentState> state_;
};

}  // namespace mpipe
