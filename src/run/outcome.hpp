// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/exec/block_report.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mpipe {

/// What a wave ended with, decided by rank 0 and told to all.
struct WaveOutcome {
  std::optional<std::pair<Category, std::string>>
      error;                      ///< the run cannot go on, for a reason other than an element
  std::vector<Failure> failures;  ///< that end the run
  std::vector<LateShape> shapes;  ///< found in this wave
  // Where the run goes on after failures:
  std::vector<FailedElements> failed;
  std::vector<Failure> details;    ///< of some of them
  bool too_many_failures = false;  ///< more than it goes on after
  bool cancelled = false;          ///< by those who started the run
  bool stopped() const { return error || !failures.empty() || too_many_failures || cancelled; }
};

/// Collective. Rank 0's outcome, on every rank.
WaveOutcome agree_on_outcome(const Communicator& comm, WaveOutcome outcome);

}  // namespace mpipe
