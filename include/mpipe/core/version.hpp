// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The version of this library, and that of the language it needs: compilers that are set to an older one are refused
/// before they come to what they cannot read.
#pragma once

#if __cplusplus < 202002L
#error \
    "mpipe: these headers need C++20 (they use concepts and defaulted comparisons). Compile with -std=c++20."
#endif

#include <string_view>

namespace mpipe {

/// `"1.2.3"`: major, minor, patch.
std::string_view version();

}  // namespace mpipe
