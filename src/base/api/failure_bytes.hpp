// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Failures as bytes, for messages between processes.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/core/failure.hpp>

#include <string>
#include <string_view>

namespace mpipe {

/// Longer texts of a failure are cut on their way, with a mark.
inline constexpr std::size_t kMaxFailureText = 16 * 1024;

/// `text`, or as much of its beginning as `most` bytes hold together with a mark that says that it was cut.
/// No character of UTF-8 is cut in two.
std::string cut_text(std::string_view text, std::size_t most);

void put_failure(ByteWriter& out, const Failure& failure);
/// The inverse. What it refuses, it refuses as `ByteReader` does.
Failure get_failure(ByteReader& in);

}  // namespace mpipe
