// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The pipelines of simulated crashes: sizes, storages and options from a seed.
#pragma once

#include <mpipe/mpipe.hpp>

#include <map>
#include <memory>
#include <random>
#include <string>

namespace mpipe::test {

/// Calls of functions, by output and what they were called with. Simulated ranks run one at a time.
using CallCounts = std::map<std::string, std::map<double, int>>;

struct CrashCase {
  Pipeline pipeline;
  Inputs inputs;
  MapOptions options;  ///< without a run folder
  std::shared_ptr<CallCounts> calls;
  bool fails = false;  ///< some elements do, and the run goes on
};

CrashCase crash_case(std::uint64_t seed);

}  // namespace mpipe::test
