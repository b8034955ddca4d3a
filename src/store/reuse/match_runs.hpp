// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Which elements of a run another run has already: those of equal functions with equal arguments.
#pragma once

#include "store/api/run_description.hpp"

#include <string>
#include <vector>

namespace mpipe {

/// Elements [now, now + count) of an output are elements [old, old + count) of the other run.
struct MatchedRange {
  Index now = 0;
  Index old = 0;
  Index count = 0;
};

struct OutputMatch {
  std::size_t old = 0;               ///< position of the output in the other run
  std::vector<MatchedRange> ranges;  ///< in the order of `now`
  Index count = 0;
  std::string why_not;  ///< where there are none: a reason
};

/// For each output of `now`, elements that `old` has. `done`: by output of `old`, the elements whose values are there and
/// right. Both bring the values of their inputs, as far as they are kept. Only elements that `now` selects count. Where some
/// are found, `now` learns the shapes of `old`: one element fixes those of all. Equality is that of bytes: a NaN equals
/// itself, and 0.0 and -0.0 differ.
std::vector<OutputMatch> match_runs(const RunDescription& old, const std::vector<RangeSet>& done,
                                    RunDescription& now);

}  // namespace mpipe
