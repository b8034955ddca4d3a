// SPDX-License-Identifier: BSD-3-Clause
// What a pool does that has no teams, and that knows no better way to wait than to sleep.
#include <mpipe/core/error.hpp>
#include <mpipe/exec/pool.hpp>

#include "comm/api/waiter.hpp"

namespace mpipe {

void Pool::start_team(std::span<const WorkerId>, const Block&) {
  throw Bug("a team in a pool that has none");
}

void Pool::pause(Duration duration) { sleep_for(duration); }

}  // namespace mpipe
