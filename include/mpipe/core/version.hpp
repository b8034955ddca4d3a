// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The version of this library, and of the language that its headers need: most others come here first, so
/// that a compiler that is set to an older one says so.
#pragma once

#if __cplusplus < 202002L
#error "mpipe: these headers need C++20 (concepts, defaulted comparisons). Compile with -std=c++20."
#endif

#include <string_view>

namespace mpipe {

/// `"1.2.3"`: major, minor, patch.
std::string_view version();

}  // namespace mpipe
