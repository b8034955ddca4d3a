// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The checksum of everything that this layer writes: XXH3, 64 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mpipe {

/// Of `bytes`; another `seed` gives another checksum, so that several pieces can be chained.
std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed = 0);

/// Sixteen bytes that stand for the id of a run in the headers of its files.
struct RunKey {
  std::uint64_t words[2] = {0, 0};
  friend bool operator==(const RunKey&, const RunKey&) = default;
};
RunKey run_key(std::string_view run_id);

}  // namespace mpipe
