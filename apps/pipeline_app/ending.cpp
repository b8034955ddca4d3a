// SPDX-License-Identifier: BSD-3-Clause
// Decides between the end of a run and a signal, whichever comes first.
#include "ending.hpp"

#include <unistd.h>

#include <chrono>
#include <thread>

namespace mpipe::app {

void Ending::claim_or_end() {
  // Where the claim fails, a signal came first. Its thread writes the status and ends the process; if this
  // one went on, it would tell a second ending. The wait is bounded, in case that the other thread hangs in a
  // file system.
  if (claim()) return;
  constexpr auto kMostTime = std::chrono::seconds(10);  // for a status to be written
  std::this_thread::sleep_for(kMostTime);
  _exit(1);
}

}  // namespace mpipe::app
