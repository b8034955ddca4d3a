// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the writer and the reader of outputs that vary in size agree on.
#pragma once

namespace mpipe {

/// On `NAME__bytes`: the name of the type of the elements.
inline constexpr const char* kTypeAttribute = "mpipe_type";

}  // namespace mpipe
