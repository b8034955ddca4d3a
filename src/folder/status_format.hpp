// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// status.json as text, and the times in it.
#pragma once

#include <mpipe/folder/status.hpp>

#include <string>

namespace mpipe::detail {

/// The result is empty when `text` is not a whole status.json of a version that is known.
std::optional<RunStatus> parse_status(const std::string& text);

/// For a run whose process has ended: what was in memory only is not done. Returns a sentence that says what was
/// lost, or nothing.
std::string forget_memory(RunStatus& status);

/// Now, in UTC: `2026-01-31T12:00:00Z`.
std::string utc_now();

/// Seconds from an ISO 8601 time (UTC) until now, at least 0; empty when `time` is not of that form.
std::optional<double> seconds_since(const std::string& time);

}  // namespace mpipe::detail
