// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Memory that costs nothing until it is written.
#pragma once

#include <cstddef>
#include <memory>

namespace mpipe::detail {

/// Address space for `size` bytes that read as zero; pages cost memory when they are first written. Where `size` is
/// much less than a page, it is memory of the heap. Throws
/// `Error` (too_large) when the process has no room for them. For a `size` of 0 the result is a null pointer.
std::shared_ptr<void> reserve_pages(std::size_t size);

}  // namespace mpipe::detail
