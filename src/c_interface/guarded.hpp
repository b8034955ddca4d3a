// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The way of errors out of C++: codes, with a text that the thread keeps.
#pragma once

#include <functional>
#include <string>

namespace mpipe {

/// Runs `action`, and returns 0, or the exit code of what it threw, whatever that is: the text and the category are then
/// those of `mpipe_error_text` and `mpipe_error_category`. Throws nothing.
int guarded(const std::function<void()>& action) noexcept;

/// Throws `Error` (bad_option) where `pointer`, which is called `what`, is null.
void need(const void* pointer, const std::string& what);

}  // namespace mpipe
