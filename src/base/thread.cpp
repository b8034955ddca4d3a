// SPDX-License-Identifier: BSD-3-Clause
// Starts threads, and says what to do where the system has none left.
#include "base/api/thread.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace mpipe {

std::thread start_thread(std::string_view purpose, std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw Error(
        Category::rank_lost,
        fmt::format("no thread can be made {}: {}. Raise the limit of processes (ulimit -u) or of memory "
                    "(ulimit -v, -d), or let the run use fewer threads.",
                    purpose, error.code().message()));
  }
}

}  // namespace mpipe
