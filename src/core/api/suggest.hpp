// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Suggestions for misspelt names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mpipe {

/// `" Did you mean 'alpha'?"` for the closest of `known` (at most a third of the letters differ), else empty.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace mpipe
