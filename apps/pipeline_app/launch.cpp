// SPDX-License-Identifier: BSD-3-Clause
// Asks the environment of the launcher which rank this process is.
#include "launch.hpp"

#include <cstdlib>
#include <initializer_list>

namespace mpipe::app {
int launched_rank() {
  // A launcher's own variable comes before the one of Slurm, which processes inside of a job inherit from the
  // script that started the launcher.
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (const char* text = std::getenv(name)) return std::atoi(text);
  return 0;
}

}  // namespace mpipe::app
