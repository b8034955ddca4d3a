// SPDX-License-Identifier: BSD-3-Clause
#include <mpipe/comm/waiter.hpp>
#include <mpipe/exec/pool.hpp>

namespace mpipe {

void Pool::pause(Duration duration) { sleep_for(duration); }

}  // namespace mpipe
