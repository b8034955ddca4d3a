// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What a wave of a run ended with.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/exec/pool.hpp>

#include <optional>
#include <vector>

namespace mpipe {

/// What a wave ended with: rank 0 finds it while it hands out blocks, and tells all ranks.
struct WaveOutcome {
  std::optional<Failure> error;   ///< the run cannot go on, for a reason other than an element
  std::vector<Failure> failures;  ///< of elements, that end the run
  std::vector<LateShape> shapes;  ///< found in this wave
  // Where the run goes on after failures:
  std::vector<FailedElements> failed;
  std::vector<Failure> details;    ///< of some of the failed elements
  bool too_many_failures = false;  ///< more than `max_failures`
  bool cancelled = false;          ///< by those who started the run
  bool drained = false;            ///< elements were left out, as the time of the run ends
  bool stopped() const { return error || !failures.empty() || too_many_failures || cancelled || drained; }
};

/// Collective. Rank 0's outcome, on every rank.
WaveOutcome agree_on_outcome(const Communicator& comm, WaveOutcome outcome);

}  // namespace mpipe
