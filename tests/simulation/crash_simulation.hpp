// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Whole maps with a run folder on simulated ranks and a simulated disk, which are stopped at any operation, and resumed.
#pragma once

#include "support/simulated_disk.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace mpipe::test {

/// What became of one seed.
struct SimulatedStory {
  /// What happened, a line each: how the run was started and stopped, on how many ranks; the same each time.
  std::vector<std::string> lines;
  /// Promises that were broken; the seed ends with the first start after which there are some.
  std::vector<std::string> broken;
  std::uint64_t digest = 0;  ///< of all messages, collective calls and operations on the disk, in their order
  int stops = 0;             ///< by a crash, a failing disk, or a request to end
};

/// Makes a document, faults and numbers of ranks of the seed; runs, stops and resumes until all is complete.
///
/// After each stop, and with each resume, it asks: can the folder be read, and verified; is what was told as done there
/// (after a power failure: what was committed); has every element that is there the value of an undisturbed run; does the
/// status claim no more than that; does a resume compute nothing again that was there, and nothing twice; does nobody
/// wait for ever; are in the end all values there, with the right bytes.
SimulatedStory simulate_crashes(std::uint64_t seed, DiskLie lie = DiskLie::none);

}  // namespace mpipe::test
