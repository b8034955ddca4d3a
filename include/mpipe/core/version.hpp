// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The version of this library.
#pragma once

#include <string_view>

namespace mpipe {

/// `"1.2.3"`: major, minor, patch.
std::string_view version();

}  // namespace mpipe
