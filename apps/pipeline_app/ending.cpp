// SPDX-License-Identifier: BSD-3-Clause
// Decides between the end of a run and a signal, whichever comes first.
#include "ending.hpp"

#include <unistd.h>

#include <chrono>
#include <thread>

namespace mpipe::app {

void Ending::claim_or_end() {
  if (claim()) return;
  constexpr auto kMostTime = std::chrono::seconds(10);  // for a status to be written
  std::this_thread::sleep_for(kMostTime);
  _exit(1);
}

}  // namespace mpipe::app
