// SPDX-License-Identifier: BSD-3-Clause
// The handler of the signal that a look into a cut file raises. It calls only what a handler may, so the ranges are
// a table of atomic numbers.
#include "data/api/file_faults.hpp"

#include "data/pages.hpp"

#include <signal.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <mutex>

namespace mpipe {
namespace {

struct GuardedRange {
  std::atomic<std::uintptr_t> begin = 0;  ///< 0: the place is free
  std::atomic<std::uintptr_t> end = 0;
};

std::array<GuardedRange, 1024> g_ranges;
std::atomic<std::uint64_t> g_faults = 0;
struct sigaction g_before;

bool is_guarded(std::uintptr_t address) {
  for (const GuardedRange& range : g_ranges)
    if (range.begin != 0 && range.begin <= address && address < range.end) return true;
  return false;
}

/// As if this handler were not there: the signal comes again if the one before returns.
void call_handler_before(int number, siginfo_t* info, void* context) {
  if ((g_before.sa_flags & SA_SIGINFO) != 0) return g_before.sa_sigaction(number, info, context);
  if (g_before.sa_handler != SIG_DFL && g_before.sa_handler != SIG_IGN) return g_before.sa_handler(number);
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(number, &usual, nullptr);
  // What somebody sent does not come again by itself, as a fault does.
  if (info->si_code <= 0) ::raise(number);
}

void on_fault(int number, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const auto page = static_cast<std::uintptr_t>(detail::page_size());
  // Signals that somebody sent have no address.
  if (info->si_code <= 0 || !is_guarded(address)) return call_handler_before(number, info, context);
  ++g_faults;
  void* const at = reinterpret_cast<void*>(address / page * page);
  if (::mmap(at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    call_handler_before(number, info, context);
}

/// Once in a process, when the first range is guarded: others that handle the signal, as MPI does, have begun then.
void install_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    detail::page_size();  // asks the system once, before a handler needs it
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigaction(SIGBUS, &action, &g_before);
  });
}

}  // namespace

std::shared_ptr<void> guard_file_faults(void* begin, std::size_t size) {
  install_handler();
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (GuardedRange& range : g_ranges) {
    if (range.begin != 0) continue;
    range.end = reinterpret_cast<std::uintptr_t>(begin) + size;
    range.begin = reinterpret_cast<std::uintptr_t>(begin);
    return {&range, [](void* guarded) { static_cast<GuardedRange*>(guarded)->begin = 0; }};
  }
  return nullptr;
}

std::uint64_t file_faults() { return g_faults; }

}  // namespace mpipe
