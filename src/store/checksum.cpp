// SPDX-License-Identifier: BSD-3-Clause
// Checksums by XXH3, and the key of a run that all its files carry.
#include "store/checksum.hpp"

#include <xxhash.h>

namespace mpipe {

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// A run id may have any length, and the headers of files have room for 16 bytes.
RunKey run_key(std::string_view run_id) {
  const XXH128_hash_t hash = XXH3_128bits(run_id.data(), run_id.size());
  return {{hash.low64, hash.high64}};
}

}  // namespace mpipe
