// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A hash that is the same on every machine and in every version: it names random streams, and tells whether
/// two things are equal. Not for anybody who wants to deceive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mpipe {

inline constexpr std::uint64_t fnv1a_start = 14695981039346656037u;

/// 64-bit FNV-1a (Fowler, Noll, Vo), begun anew, or going on with that of what stands before.
inline std::uint64_t fnv1a(std::span<const std::byte> bytes, std::uint64_t hash = fnv1a_start) {
  for (const std::byte byte : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 1099511628211u;
  return hash;
}
inline std::uint64_t fnv1a(std::string_view text) { return fnv1a(std::as_bytes(std::span(text))); }

}  // namespace mpipe
