// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Values of some elements as bytes, of any type.
#pragma once

#include <mpipe/core/index.hpp>
#include <mpipe/data/element_type.hpp>

#include "store/checksum.hpp"

#include <functional>
#include <vector>

namespace mpipe {

/// Values behind one another; for types that vary in size with offsets, one more than values, from 0.
struct EncodedValues {
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> offsets;

  /// For types that vary in size.
  std::span<const std::byte> value(std::size_t k) const {
    return std::span(bytes).subspan(static_cast<std::size_t>(offsets[k]),
                                    static_cast<std::size_t>(offsets[k + 1] - offsets[k]));
  }
  std::size_t count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
};

/// Adds values at the end. `offsets` of what is added may begin anywhere.
void append_values(EncodedValues& all, std::span<const std::byte> bytes,
                   std::span<const std::uint64_t> offsets);

/// Adds values without bytes at the end.
void append_nothing(EncodedValues& all, Index count);

/// Checksum of `values` of a type that varies in size: of their lengths, then of their bytes.
std::uint64_t hash_of(const EncodedValues& all, IndexRange values);

}  // namespace mpipe
