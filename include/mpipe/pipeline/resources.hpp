// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What one call of a function needs, and where it may run.
#pragma once

#include <mpipe/core/clock.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace mpipe {

/// What one call of a function needs (`Function::resources`), and, as a parameter of a function, what the
/// call has: a parameter of this type has no name and is filled in. Zero: nothing is asked for, or no limit.
struct Resources {
  int ranks = 1;             ///< worker ranks that make one call together; above 1 it takes a communicator
  int threads = 0;           ///< that the call may use itself
  int gpus = 0;              ///< devices for the call alone
  std::uint64_t memory = 0;  ///< bytes
  Duration time{};           ///< that it may take
  /// Of a call in a `map`: the numbers of its devices on its node, `gpus` of them, which no other rank uses
  /// during this run. Not for functions to ask for.
  std::vector<int> devices = {};

  friend bool operator==(const Resources&, const Resources&) = default;
};

/// What is asked for, in the words of documents: `ranks 2, memory 2GB, time 10min`; empty for nothing.
std::string to_string(const Resources& needs);

/// Where a function is called.
enum class Isolation : std::uint8_t {
  none,    ///< in the process that computes the block: a crash ends it
  process  ///< in a child process: a crash, a time-out or too much memory is the failure of that element
};

}  // namespace mpipe
