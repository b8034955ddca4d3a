// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Keys of `RunDescription::Function::meaning` that are compared in ways of their own.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace mpipe {

/// Where compiled code begins, by build id and offset. It tells functions of one build apart; of another build it says
/// nothing.
inline constexpr const char* kPlaceKey = "place";
/// Before the name of a file that is a word of a command: its digest.
inline constexpr std::string_view kFileKey = "file ";

/// Whether all versions write this key. The others say what is no formula (`command`, `function`, `threads`): a run of a
/// version that wrote none of them is not compared by them.
inline bool is_key_of_all_versions(std::string_view key) {
  constexpr std::array<std::string_view, 5> kKeys{"expr", "mapspec", "types", "parameters", "internal_shape"};
  return key.starts_with("bound ") || std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

}  // namespace mpipe
