// SPDX-License-Identifier: BSD-3-Clause
// Address space for arrays: pages cost memory only when they are written.
#include "data/pages.hpp"

#include <mpipe/core/error.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

namespace mpipe::detail {

namespace {

/// A mapping costs a page at least, and a process has some 65,000 of them: too few for the arrays of many small runs.
std::shared_ptr<void> allocate_zeros(std::size_t size) {
  constexpr std::size_t kAlignment = 64;
  void* memory = std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, size);
  return {memory, std::free};
}

/// MAP_NORESERVE: an array may be declared far larger than the machine's memory, as a rank writes only the
/// elements that it computes.
std::shared_ptr<void> map_memory(std::size_t size, int flags, int descriptor, std::int64_t offset) {
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, descriptor,
                         static_cast<off_t>(offset));
  if (address == MAP_FAILED)
    throw Error(Category::too_large, "no address space for an array of " + std::to_string(size) + " bytes (" +
                                         std::strerror(errno) +
                                         "). Use smaller axes or a selection (--fixed).");
#ifdef MADV_HUGEPAGE
  constexpr std::size_t kWorthHugePages = std::size_t{64} << 20;
  // This is a wish that only makes things faster, so a refusal of it is no error.
  if (size >= kWorthHugePages) ::madvise(address, size, MADV_HUGEPAGE);
#endif
  return {address, [size](void* mapped) { ::munmap(mapped, size); }};
}

}  // namespace

std::shared_ptr<void> reserve_pages(std::size_t size) {
  if (size == 0) return nullptr;
  constexpr std::size_t kSmall = 2048;
  return size <= kSmall ? allocate_zeros(size) : map_memory(size, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void replace_pages(void* address, std::size_t size, int descriptor, std::int64_t offset) {
  if (::mmap(address, size, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, static_cast<off_t>(offset)) ==
      MAP_FAILED)
    throw Error(Category::storage_failed,
                std::string("results that are in the file cannot be looked at there (") +
                    std::strerror(errno) + ").");
}

std::int64_t page_size() {
  static const std::int64_t size = ::sysconf(_SC_PAGESIZE);
  return size;
}

std::shared_ptr<void> map_pages(std::size_t size, int descriptor, std::int64_t offset) {
  return map_memory(size, MAP_SHARED, descriptor, offset);
}

}  // namespace mpipe::detail
