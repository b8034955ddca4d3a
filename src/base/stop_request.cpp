// SPDX-License-Identifier: BSD-3-Clause
// Keeps the request to stop in memory that forked processes share.
#include "base/api/stop_request.hpp"

#include <sys/mman.h>

#include <new>

namespace mpipe {
namespace {

/// Made before `main`: a handler of signals could not make it, and the processes that call isolated functions are
/// forked later. Where the machine has no page left, this process keeps it for itself.
StopRequest* make_request() {
  static StopRequest own;
  void* const page =
      ::mmap(nullptr, sizeof(StopRequest), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? &own : new (page) StopRequest;
}

StopRequest* const request = make_request();

}  // namespace

StopRequest& stop_request() noexcept { return *request; }

}  // namespace mpipe
