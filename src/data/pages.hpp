// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Memory that costs nothing until it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mpipe::detail {

/// Address space for `size` bytes that read as zero; pages cost memory when they are first written. Where `size` is
/// much less than a page, it is memory of the heap. Throws
/// `Error` (too_large) when the process has no room for them. For a `size` of 0 the result is a null pointer.
std::shared_ptr<void> reserve_pages(std::size_t size);

/// The same for `size` bytes of a file in memory from `offset` on, a multiple of the page size: what is written
/// is seen by all who map them. Precondition: `size` is not 0.
std::shared_ptr<void> map_pages(std::size_t size, int descriptor, std::int64_t offset);

/// The same address space shows bytes of a file from here on, for reading. All three numbers are multiples of
/// `page_size()`. Throws `Error` (storage_failed).
void replace_pages(void* address, std::size_t size, int descriptor, std::int64_t offset);

/// In bytes.
std::int64_t page_size();

}  // namespace mpipe::detail
