// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Amounts of memory and of time, and moments, as people write them.
#pragma once

#include <mpipe/core/clock.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace mpipe {

/// A moment of the clock on the wall, which may be set: two hosts, and two looks at one host, may disagree.
using WallTime = std::chrono::system_clock::time_point;

/// A number of bytes, at least 1: `2GB`, `1.5 GiB`, `4096`. Throws `Error` (bad_option, too_large).
std::uint64_t parse_memory(std::string_view text);

/// The part that a share is of a whole: 0.5 of `50%`; empty for a text that does not end with `%`. Throws `Error`
/// (bad_option) for a share that is not above 0 %, or is above 100 %.
std::optional<double> parse_share(std::string_view text);

/// A time above 0: `10min`, `1.5 h`, `90` (seconds), `01:30:00`, `1-12:00:00` (days before the hours). Throws `Error`
/// (bad_option, too_large).
Duration parse_time(std::string_view text);

/// A moment: a time from `now` on, as `parse_time` reads it; local time on the calendar, `2026-12-01T08:00` (also
/// with seconds); or seconds since 1970, `@1764576000`. Throws `Error` (bad_option, too_large).
WallTime parse_moment(std::string_view text, WallTime now);

/// `2/4`: which of how many parts, counted from 1. Throws `Error` (bad_option).
std::pair<std::int64_t, std::int64_t> parse_part(std::string_view text);

}  // namespace mpipe
