// SPDX-License-Identifier: BSD-3-Clause
// Memory of several processes: one sparse file in memory, which they reach through /proc.
#include "data/api/shared_pages.hpp"

#include <mpipe/core/error.hpp>

#include "data/pages.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

namespace mpipe {
namespace {

/// All slots together. Larger than what a process can address, so that it is no limit of its own.
constexpr std::uint64_t kAllBytes = std::uint64_t{1} << 62;

[[noreturn]] void refuse(const char* what) {
  throw Error(Category::not_supported, std::string("ranks of one machine cannot share memory: ") + what +
                                           " failed (" + std::strerror(errno) + ").");
}

/// A limit on the size of files holds for this one as well, and going beyond it is a signal that ends the process.
void refuse_limits() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= kAllBytes) return;
  throw Error(
      Category::not_supported,
      "ranks of one machine cannot share memory: the size of files is limited (ulimit -f), also of those "
      "that are only in memory. Remove the limit.");
}

}  // namespace

SharedPages::SharedPages(int descriptor, std::size_t slots)
    : descriptor_(descriptor), slot_bytes_(kAllBytes / std::bit_ceil(slots + 1)) {}

SharedPages::~SharedPages() { ::close(descriptor_); }

/// The first slot is that of the nonce; arrays come behind it.
std::uint64_t SharedPages::offset(std::size_t slot) const { return (slot + 1) * slot_bytes_; }

std::shared_ptr<SharedPages> SharedPages::create(std::size_t slots) {
  refuse_limits();
  const int descriptor = ::memfd_create("mpipe", MFD_CLOEXEC);
  if (descriptor < 0) refuse("memfd_create");
  std::shared_ptr<SharedPages> pages(new SharedPages(descriptor, slots));
  std::uint64_t nonce = 0;
  if (::getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) refuse("getrandom");
  if (::pwrite(descriptor, &nonce, sizeof(nonce), 0) != sizeof(nonce)) refuse("writing to it");
  if (::ftruncate(descriptor, static_cast<off_t>(kAllBytes)) != 0) refuse("ftruncate");
  pages->address_ = {::getpid(), descriptor, nonce};
  return pages;
}

/// The path may lead to anything: the same number may be that of another process in this process's own name
/// space. So it is opened only if it is a file in memory of this size, and used only if the nonce is there.
std::shared_ptr<SharedPages> SharedPages::open(const Address& address, std::size_t slots) {
  const std::string path =
      "/proc/" + std::to_string(address.process) + "/fd/" + std::to_string(address.descriptor);
  char target[64] = {};
  if (::readlink(path.c_str(), target, sizeof(target) - 1) < 0 ||
      std::strncmp(target, "/memfd:mpipe", std::strlen("/memfd:mpipe")) != 0)
    return nullptr;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  std::shared_ptr<SharedPages> pages(new SharedPages(descriptor, slots));
  std::uint64_t nonce = 0;
  if (::pread(descriptor, &nonce, sizeof(nonce), 0) != sizeof(nonce) || nonce != address.nonce)
    return nullptr;
  // Others find it through this process, too.
  pages->address_ = {::getpid(), descriptor, nonce};
  return pages;
}

std::shared_ptr<void> SharedPages::map(std::size_t slot, std::size_t size) const {
  if (size == 0) return nullptr;
  if (size > slot_bytes_)
    throw Error(Category::too_large, "an array of " + std::to_string(size) + " bytes is larger than the " +
                                         std::to_string(slot_bytes_) +
                                         " that each of so many outputs can have. Use smaller axes.");
  return detail::map_pages(size, descriptor_, static_cast<std::int64_t>(offset(slot)));
}

void SharedPages::clear(std::size_t slot, std::size_t begin, std::size_t size) const {
  static_cast<void>(::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                static_cast<off_t>(offset(slot) + begin), static_cast<off_t>(size)));
}

std::uint64_t SharedPages::bytes_in_use() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

}  // namespace mpipe
