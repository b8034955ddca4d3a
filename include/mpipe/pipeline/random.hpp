// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Random numbers that depend on nothing but the run's seed, the function and the element.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace mpipe {

/// A stream of random numbers of one element: counter-based (Philox4x64-10; Salmon et al., "Parallel random
/// numbers: as easy as 1, 2, 3", SC11), keyed by (seed, stream) and counted from (element, 0). The same
/// numbers on any number of ranks, in any order, after any resume. Satisfies
/// `std::uniform_random_bit_generator`. Not thread-safe; copying copies the state.
class Random {
 public:
  using result_type = std::uint64_t;

  /// `stream`: of the function, see `stream_of`.
  Random(std::uint64_t seed, std::uint64_t stream, std::uint64_t element)
      : key_{seed, stream}, counter_{0, element, 0, 0} {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() {
    if (used_ == block_.size()) refill();
    return block_[used_++];
  }

  /// Uniform in [0, 1), 53 random bits.
  double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }
  /// Normal with mean 0 and standard deviation 1 (Box-Muller, both values used).
  double normal();

 private:
  void refill();

  std::array<std::uint64_t, 2> key_;
  std::array<std::uint64_t, 4> counter_;
  std::array<std::uint64_t, 4> block_{};
  std::size_t used_ = 4;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// The stream number of a function: a hash (64-bit FNV-1a) of the name of its first output, so that it
/// survives edits of other functions.
std::uint64_t stream_of(const char* first_output);

}  // namespace mpipe
