// SPDX-License-Identifier: BSD-3-Clause
// Joins encoded values, and takes checksums of them.
#include "store/output/variable_values.hpp"

namespace mpipe {

void append_values(EncodedValues& all, std::span<const std::byte> bytes,
                   std::span<const std::uint64_t> offsets) {
  if (!offsets.empty()) {
    if (all.offsets.empty()) all.offsets.push_back(0);
    // The offsets may begin anywhere, as those of a part of a frame do; here they go on where the last value
    // ended.
    const std::uint64_t shift = all.offsets.back() - offsets.front();
    for (std::size_t k = 1; k < offsets.size(); ++k) all.offsets.push_back(offsets[k] + shift);
    bytes = bytes.subspan(static_cast<std::size_t>(offsets.front()),
                          static_cast<std::size_t>(offsets.back() - offsets.front()));
  }
  all.bytes.insert(all.bytes.end(), bytes.begin(), bytes.end());
}

void append_nothing(EncodedValues& all, Index count) {
  if (all.offsets.empty()) all.offsets.push_back(0);
  all.offsets.insert(all.offsets.end(), static_cast<std::size_t>(count), all.offsets.back());
}

std::uint64_t hash_of(const EncodedValues& all, IndexRange values) {
  // The lengths are hashed as well: otherwise values whose bytes moved to a neighbour would look unchanged.
  std::vector<std::uint64_t> lengths;
  for (Index k = values.begin; k < values.end; ++k)
    lengths.push_back(all.value(static_cast<std::size_t>(k)).size());
  const std::uint64_t begin = all.offsets[static_cast<std::size_t>(values.begin)];
  const std::uint64_t end = all.offsets[static_cast<std::size_t>(values.end)];
  const auto bytes =
      std::span(all.bytes).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  return checksum(bytes, checksum(std::as_bytes(std::span(lengths))));
}

}  // namespace mpipe
